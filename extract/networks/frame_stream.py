"""`FrameStream`: the feature of a segment from its frames one by one, as they arrive from a camera.

The work of a segment is spread over its frames, and the feature is there shortly after the last of them. It is the
feature that `SegmentNetwork` computes from all frames of the segment at once, up to rounding.
"""

import copy
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.errors import UserError
from extract.decoding.resize_frame import FrameResizer
from extract.networks.backbone import Backbone
from extract.networks.batch_norm import fold_batch_norm
from extract.networks.frame_step import FrameStep
from extract.networks.segment_network import SegmentNetwork
from extract.networks.video.movinet import Movinet
from extract.networks.video.movinet_step import MovinetStep
from extract.runtimes.runtime import CannotPrepare


def takes_single_frames(backbone: Backbone) -> bool:
    """Return whether the frames of a segment can be computed one by one: no frame's feature depends on a later frame.

    That is so for networks that see single frames (`efficientnet_lite0`, `timm:NAME`), for those with a one-way shift
    (`tsm_mobilenetv2_online`), and for those that carry their state along a clip (`movinet:NAME`). The usual TSM takes
    channels from the next frame, so it is not.
    """
    steps = backbone.per_frame or backbone.one_way or backbone.along_clip is not None
    return backbone.preprocess is not None and steps


class FrameStream:
    """Computes the features of segments from frames that arrive one by one. `open` makes one.

    For each segment call `reset`, then `push` for each of its F frames in order, then `features`. A network that
    carries its state along a clip needs all segments of a clip, and `restart` before the next clip:

        stream = FrameStream.open(network)
        stream.reset()
        for frame in frames:  # (H, W, 3) uint8, RGB
            stream.push(frame)
        feature = stream.features()  # (D,)

    Attributes:
        frames: F, the number of frames of a segment.
        pushed: how many frames of the segment have been pushed.
    """

    def __init__(self, network: SegmentNetwork) -> None:
        backbone = network.backbone
        name = backbone.settings.get("backbone")
        if not takes_single_frames(backbone) or backbone.preprocess is None:
            raise UserError(
                f"the frames of a segment cannot be computed one by one with the backbone {name}; with "
                "tsm_mobilenetv2_online, tsm_resnet50_online, efficientnet_lite0, timm:NAME or movinet:NAME they can"
            )
        self._carries = backbone.along_clip is not None
        if self._carries and network.preparation.precision != "fp32":
            raise UserError(
                f"{name} carries sums over all frames of a clip, for which {network.preparation.precision} is too "
                "coarse frame by frame; extract the features with --precision fp32"
            )
        self.frames = int(str(backbone.settings["frames_per_segment"]))
        self._backbone, self._preprocess, self._device = backbone, backbone.preprocess, network.device
        self._resize = FrameResizer(self._preprocess.geometry)
        side = self._preprocess.crop
        image = torch.zeros((1, 3, side, side))
        folded, _ = fold_batch_norm(backbone.network, image.expand(self.frames, *image.shape[1:]))
        step = MovinetStep(folded, image) if isinstance(folded, Movinet) else FrameStep(folded, image)
        # `torch.compile` would compile the list of buffers too, and gains little for one image.
        how = replace(network.preparation, compiled=False)
        try:
            self._compute = network.runtime.prepare_graph(step, (image, *step.zeros), how).compute
        except CannotPrepare as error:
            raise UserError(
                f"{network.runtime.title} cannot compute {name} for single frames: {error}; "
                "extract the features with --runtime torch"
            ) from error
        self._zeros = tuple(zeros.to(self._device) for zeros in step.zeros)
        self.restart()

    @classmethod
    def open(cls, network: SegmentNetwork) -> "FrameStream":
        """Return a stream with the backbone, the device, the precision and the runtime of a network.

        Args:
            network: as `extract.network_loader.load_segment_network` returns it. It stays as it is.

        Raises:
            UserError: the backbone needs all frames of a segment at once; see `takes_single_frames`. Or the runtime
                cannot compute the network of one frame.
        """
        return cls(network)

    def another(self) -> "FrameStream":
        """Return a stream with the same network and buffers of its own, for another source."""
        other = copy.copy(self)
        other.restart()
        return other

    @property
    def pushed(self) -> int:
        """How many frames of the segment have been pushed."""
        return len(self._features)

    def restart(self) -> None:
        """Begin a clip: forget everything before it."""
        self._features: list[Tensor] = []
        self._buffers = self._zeros

    def reset(self) -> None:
        """Begin a segment: forget the frames before it, but for the state that the network carries along a clip."""
        self._features = []
        if not self._carries:
            self._buffers = self._zeros

    @torch.inference_mode()
    def push(self, frame: NDArray[np.uint8], resized: bool = False) -> None:
        """Compute the next frame of the segment. A frame that a short segment repeats is pushed again.

        Args:
            frame: (H, W, 3), RGB.
            resized: the frame already has the size that the network sees, as from `FrameResizer`.

        Raises:
            ValueError: the segment has F frames already.
        """
        if self.pushed == self.frames:
            raise ValueError(f"the segment has its {self.frames} frames; call `reset` before those of the next one")
        fitting = torch.from_numpy(frame if resized else self._resize(frame)).to(self._device)
        feature, *left = self._compute((self._preprocess.normalise(fitting[None]), *self._buffers))
        self._features.append(feature.float())
        self._buffers = tuple(left)

    @torch.inference_mode()
    def features(self) -> NDArray[np.float32]:
        """Return the feature (D,) of the segment.

        Raises:
            ValueError: not all of its F frames have been pushed.
        """
        if self.pushed != self.frames:
            raise ValueError(f"a segment has {self.frames} frames, and {self.pushed} were pushed")
        if self._carries:  # the feature after the last frame contains the others
            last: NDArray[np.float32] = self._features[-1][0].cpu().numpy()
            return last
        pooled: NDArray[np.float32] = self._backbone.pool(torch.stack(self._features, 1))[0].cpu().numpy()
        return pooled
