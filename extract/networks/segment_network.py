"""A backbone on a device: it takes clips, with the frames of videos or the points of skeletons, and gives (N, D).

On a CPU each batch is a part of one clip, and all batches have the same shape, because the shape decides the kernels
and with them the last bits. So the features of a clip do not depend on other clips, and those of a frame do not depend
on the number of frames.
"""

import ctypes
import sys
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.device import device_name
from common.errors import UserError
from extract.clip import Clip
from extract.networks.backbone import CPU_FRAMES, Backbone
from extract.networks.batch_norm import fold_batch_norm
from extract.networks.clip_batches import ClipBatches, Features, choose_batches
from extract.networks.geometry import Geometry
from extract.runtimes.runtime import Preparation, Runtime
from extract.runtimes.torch import DTYPES, TORCH


class SegmentNetwork:
    """Computes the segment features of a decoded clip; `stream` does so for many clips.

    Args:
        backbone: the network, its input and its settings. It is not changed.
        device: "cpu", "cuda" or "cuda:1"; see `common.device.choose_device`.
        precision: "fp32" (true fp32, without TF32), "bf16" or "fp16". Features are always float32.
        compiled: run the network through `torch.compile`.
        num_segments: N. Batches are sized for it.
        runtime: what computes the network.
        threads: of the runtime on a CPU; None: its own default. torch has one number for the whole process, which is
            not set here.

    Attributes:
        runtime: what computes the network.
        preparation: how it computes it.

    Raises:
        CannotPrepare: the runtime cannot compute the network.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        device: str,
        precision: str = "fp32",
        compiled: bool = False,
        num_segments: int = 10,
        runtime: Runtime = TORCH,
        threads: int | None = None,
    ) -> None:
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        _keep_freed_memory()
        if backbone.along_clip not in (None, num_segments):
            raise UserError(
                f"{backbone.settings.get('backbone')} carries its state through the {backbone.along_clip} segments of "
                f"a clip, so it cannot compute {num_segments} at a time; `FrameStream` computes them one by one"
            )
        self.backbone = backbone
        self.device = torch.device(device)
        example = example_images(backbone)  # (1, F, …)
        network, folded = fold_batch_norm(backbone.network, example[0])
        frames = example.shape[1]
        at_once = self._at_once(num_segments, frames) * frames
        how = Preparation(self.device, precision, backbone.input == "video", threads, compiled)
        self.runtime, self.preparation = runtime, how
        prepared = runtime.prepare(network, example.new_zeros((at_once, *example.shape[2:])), how)
        self._compute = prepared.compute
        self.settings: dict[str, object] = {
            "precision": precision,
            "compiled": compiled,
            "device": device_name(self.device, prepared.threads),
            **({"batch_norm": "folded"} if folded else {}),
            **prepared.settings,
        }
        self.batches: ClipBatches | None = None
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device.index or 0)
            dtype = DTYPES[precision] if backbone.input == "video" else torch.float32
            self.batches = choose_batches(self.pooled, backbone, (num_segments, *example.shape[1:]), dtype, self.device)
            self.settings["clips_at_once"] = self.batches.clips_at_once

    def stream(self, clips: Iterable[tuple[str, Clip]]) -> Iterator[Features]:
        """Yield (clip_id, num_frames, features (N, D)) of named clips, in their order; (M, D) if a clip has M segments.

        On a GPU the delay is up to two batches. If `clips` ends with an error, all clips before it are yielded first.
        """
        counts: deque[int | None] = deque()  # of the clips that are computed at the moment

        def fitting() -> Iterator[tuple[str, Clip]]:
            for clip_id, clip in clips:
                counts.append(clip.num_segments)
                yield clip_id, self._fitting(clip)

        if self.batches is not None:
            computed = self.batches.stream(fitting(), alone=self)
        else:
            computed = ((clip_id, clip.num_frames, self(clip)) for clip_id, clip in fitting())
        for clip_id, num_frames, features in computed:
            yield clip_id, num_frames, features[: counts.popleft()]

    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        """Return the features (N, D) of one clip; (M, D) if it has M segments."""
        return self._every_segment(clip)[: clip.num_segments]

    @torch.inference_mode()
    def _every_segment(self, clip: Clip) -> NDArray[np.float32]:
        """Return the features (N, D) of one clip, also of segments that repeat its last one."""
        images, segments = self.network_input(self._fitting(clip)), torch.from_numpy(clip.segments).to(self.device)
        features: NDArray[np.float32] = self.features(images, segments).cpu().numpy()
        return features

    @property
    def geometry(self) -> Geometry | None:
        """The size that decode workers give to frames; None: the frames are resized on a GPU, or there are none."""
        preprocess = self.backbone.preprocess
        return preprocess.geometry if preprocess and self.device.type == "cpu" else None

    def images(self, clip: Clip) -> Tensor:
        """Return a clip's images segment by segment: (N, F, …), on the device."""
        return self._draw(clip, torch.from_numpy(clip.segments))

    def network_input(self, clip: Clip) -> Tensor:
        """Return the network's input for a clip: (N, F, …), or (U, 1, …) with each frame once for single frames."""
        if not self.backbone.per_frame:
            return self.images(clip)
        if clip.resized and self.backbone.preprocess:
            return self.backbone.preprocess.normalise(self._content(clip))[:, None]
        return self._draw(clip, torch.arange(len(clip.content))[:, None])

    @torch.inference_mode()
    def features(self, images: Tensor, segments: Tensor) -> Tensor:
        """Return the features (N, D) of one clip; on a CPU they are computed in parts of equal size.

        Args:
            images: the result of `network_input`.
            segments: the clip's segments; for single frames (N, F), the indices of the frames.
        """
        count, frames = (len(segments), segments.shape[1]) if self.backbone.per_frame else images.shape[:2]
        at_once = count if self.device.type == "cuda" else self._at_once(count, frames)
        if not self.backbone.per_frame:
            return torch.cat([self.pooled(batch) for batch in torch.split(images, at_once)])  # every segment is whole
        every = torch.cat([self.pooled(batch) for batch in _filled(images, at_once * frames)])
        return self.backbone.pool(every[segments])

    def pooled(self, images: Tensor) -> Tensor:
        """Return the features (B, D), float32, of the images (B, F, …) of B segments."""
        return self.backbone.pool_output(self._compute(images.flatten(0, 1)).float(), images.shape[1])

    def _at_once(self, num_segments: int, frames: int) -> int:
        """Return how many of a clip's segments a CPU computes together."""
        whole = self.backbone.along_clip is not None
        return num_segments if whole else _even_share(num_segments, CPU_FRAMES // frames)

    def _draw(self, clip: Clip, segments: Tensor) -> Tensor:
        segments = segments.to(self.device)
        if clip.resized and self.backbone.preprocess:
            return self.backbone.preprocess.normalise(self._content(clip))[segments]
        return self.backbone.draw(self._content(clip), segments)

    def _content(self, clip: Clip) -> Tensor:
        return torch.from_numpy(clip.content).to(self.device, non_blocking=True)

    def _fitting(self, clip: Clip) -> Clip:
        joints = self.backbone.joints
        if joints and (clip.segments[..., 2] != joints).any():
            raise UserError(f"the network was trained on skeletons of {joints} joints, and these have others")
        return clip


def example_images(backbone: Backbone) -> Tensor:
    """Return the images (1, F, …) of one segment of an empty clip."""
    if backbone.input == "video":
        chosen = torch.zeros((1, int(str(backbone.settings["frames_per_segment"]))), dtype=torch.int64)
        return backbone.draw(torch.zeros((1, 32, 32, 3), dtype=torch.uint8), chosen)
    frames, joints = 2, backbone.joints or 25
    stretch = torch.tensor([0, frames, joints, 1]).expand(1, 2, 4)
    return backbone.draw(torch.zeros((frames * joints, 3)), stretch)


def _even_share(num_segments: int, most: int) -> int:
    """Return the largest divisor of `num_segments` up to `most`, so that every batch has the same shape."""
    return max(share for share in range(1, num_segments + 1) if num_segments % share == 0 and share <= max(most, 1))


def _filled(images: Tensor, at_once: int) -> Iterator[Tensor]:
    """Yield batches of `at_once` images. Zeros fill the last one."""
    for batch in torch.split(images, at_once):
        lacking = at_once - len(batch)
        yield torch.cat([batch, batch.new_zeros((lacking, *batch.shape[1:]))]) if lacking else batch


def _keep_freed_memory() -> None:
    """Let glibc keep freed memory.

    By default it returns the memory of each activation to the kernel. A network of large images then spends half of
    its time on a CPU on getting the same pages again (measured: 1.9 s a clip became 0.9 s).
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        trim_threshold, mmap_threshold = -1, -3  # from malloc.h
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, (1 << 31) - 1)
