"""Many clips at a time through a network, in batches of one shape, so that a GPU does not wait for the host.

While one batch is computed the next one is staged: its frames are copied to the device in pieces, through pinned
memory, and become images there, on a stream of their own. A position of a batch holds a segment, or a single frame if
the network sees one frame at a time. In the latter case a frame that several segments use is computed once, and a batch
takes as many clips as their distinct frames allow. On a CPU this gives the same features and saves no time.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from extract.clip import Clip
from extract.networks.backbone import Backbone
from extract.networks.device_upload import PIECE, DeviceUpload, mark
from extract.networks.fixed_input import FixedInput, Segments

BATCH_IMAGES = 320  # enough for the largest GPUs; in bf16 at 224 pixels the input of a batch takes 96 MB

Features = tuple[str, int, NDArray[np.float32]]  # clip_id, num_frames, (N, D)


@dataclass(frozen=True)
class _Waiting:
    """What is kept of a clip whose images are staged, and its positions in the batch."""

    clip_id: str
    num_frames: int
    segments: NDArray[np.int64]
    positions: slice


@dataclass(frozen=True)
class _RunningBatch:
    """A batch that the device computes: its clips, and the host's memory for their features (clips, N, D).

    `arrived` is the event after which the features are there; None: they are there.
    """

    clips: list[_Waiting]
    features: Tensor
    arrived: torch.cuda.Event | None


class ClipBatches:
    """A network that always takes the same number of images at once: as many as K clips have at most.

    Args:
        segments: the network.
        backbone: makes images from a clip.
        shape: the shape (N, F, …) of a clip's images, segment by segment.
        dtype: the type of the network's input.
        device: where the network is.
        clips_at_once: K.
    """

    def __init__(
        self,
        segments: Segments,
        backbone: Backbone,
        shape: tuple[int, ...],
        dtype: torch.dtype,
        device: torch.device,
        clips_at_once: int,
    ) -> None:
        self.backbone = backbone
        self.segments_shape = shape[:2]
        # The shape of the most positions that a clip takes.
        self.shape = (shape[0] * shape[1], 1, *shape[2:]) if backbone.per_frame else shape
        self.device = device
        self.clips_at_once = clips_at_once
        cuda = device.type == "cuda"
        # The next batch is staged, the network reads its input. A copy between them takes little time.
        self.staged, images = (_empty(clips_at_once, self.shape, dtype, device) for _ in range(2))
        self.network = FixedInput(segments, images, self.shape[0], backbone.per_frame)
        # Staging has priority over the network's kernels, which fill the device: a late batch delays the next one.
        self.staging = torch.cuda.Stream(device, priority=-1) if cuda else None  # type: ignore[no-untyped-call]
        self.taken: torch.cuda.Event | None = None  # the staged images have been copied to the input
        self.upload = DeviceUpload(device)

    def stream(
        self, clips: Iterable[tuple[str, Clip]], alone: Callable[[Clip], NDArray[np.float32]]
    ) -> Iterator[Features]:
        """Yield (clip_id, num_frames, features (N, D)) of every clip, in order, with a delay of up to two batches.

        If `clips` ends with an error, all clips before it are computed first.

        Args:
            clips: named clips.
            alone: computes a clip whose images have another shape.
        """
        running: deque[_RunningBatch] = deque()
        waiting: list[_Waiting] = []
        errors: list[BaseException] = []
        for clip_id, clip in _until_error(clips, errors):
            if waiting and waiting[-1].positions.stop + self._size(clip) > len(self.staged):
                running.append(self._launch(waiting))
                waiting = []
            first = waiting[-1].positions.stop if waiting else 0
            fits = self.stage(clip, first)
            if fits:
                positions = slice(first, first + self._size(clip))
                waiting.append(_Waiting(clip_id, clip.num_frames, clip.segments, positions))
            if waiting and (self._is_full(waiting) or not fits):
                running.append(self._launch(waiting))
                waiting = []
            while len(running) > (1 if fits else 0):  # the device has its next batch before the host waits
                yield from _collect(running.popleft())
            if not fits:
                yield clip_id, clip.num_frames, alone(clip)
        if waiting:
            running.append(self._launch(waiting))  # the other positions still contain earlier images
        for batch in running:
            yield from _collect(batch)
        if errors:
            raise errors[0]

    @torch.inference_mode()
    def stage(self, clip: Clip, first: int) -> bool:
        """Put a clip's images into the next batch, from position `first` on; return False if they do not fit."""
        if self.backbone.per_frame and clip.segments.shape != self.segments_shape:
            return False
        with torch.cuda.stream(self.staging):
            images = self._images(clip)  # (N, F, …), or (U, 1, …)
            if images.shape != (self._size(clip), *self.shape[1:]) or first + len(images) > len(self.staged):
                return False
            if self.staging is not None and self.taken is not None:
                self.staging.wait_event(self.taken)
            self.staged[first : first + len(images)].copy_(images)
        return True

    def pieces(self, clip: Clip) -> Iterator[NDArray[np.uint8] | NDArray[np.float32]]:
        """Yield a clip's content in the pieces that are copied to the device."""
        at_once = len(clip.content)
        if self.backbone.input == "video":
            at_once = max(1, PIECE // clip.content[0].nbytes)
        for start in range(0, len(clip.content), at_once):
            yield clip.content[start : start + at_once]

    def _images(self, clip: Clip) -> Tensor:
        chosen = torch.from_numpy(clip.segments).to(self.device, non_blocking=True)
        uploaded = (self.upload(piece) for piece in self.pieces(clip))
        if self.backbone.input == "skeleton":
            return self.backbone.draw(next(uploaded), chosen)
        drawn = []
        for frames in uploaded:  # (u, H, W, 3)
            every = torch.arange(len(frames), device=self.device)[None]
            drawn.append(self.backbone.draw(frames, every)[0])  # (u, 3, S, S)
        images = torch.cat(drawn)
        return images[:, None] if self.backbone.per_frame else images[chosen]

    @torch.inference_mode()
    def _launch(self, clips: list[_Waiting]) -> _RunningBatch:
        main = None
        if self.staging is not None:
            main = torch.cuda.current_stream(self.device)
            main.wait_stream(self.staging)
        self.network.images.copy_(self.staged)
        self.taken = mark(main)
        every = self.network.compute()
        features = torch.stack([self._of_clip(every[clip.positions], clip.segments) for clip in clips])
        on_host = torch.empty(features.shape, pin_memory=main is not None).copy_(features, non_blocking=True)
        return _RunningBatch(clips, on_host, mark(main))

    def _of_clip(self, every: Tensor, segments: NDArray[np.int64]) -> Tensor:
        """Return the features (N, D) of a clip from those of its positions."""
        if not self.backbone.per_frame:
            return every
        return self.backbone.pool(every[torch.from_numpy(segments).to(self.device, non_blocking=True)])

    def _size(self, clip: Clip) -> int:
        """Return how many positions a clip takes."""
        return len(clip.content) if self.backbone.per_frame else self.shape[0]

    def _is_full(self, waiting: list[_Waiting]) -> bool:
        return self.clips_at_once == 1 or waiting[-1].positions.stop == len(self.staged)


def choose_batches(
    segments: Segments, backbone: Backbone, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> ClipBatches:
    """Return batches of about `BATCH_IMAGES` images, or of one clip if its position matters or memory is short.

    On a GPU the network is recorded as a graph if that gives the same bits.
    """
    try:
        batches = ClipBatches(segments, backbone, shape, dtype, device, max(1, BATCH_IMAGES // (shape[0] * shape[1])))
        alone = batches.network.position_matters()
    except torch.OutOfMemoryError:
        alone = True
    if alone:
        batches = ClipBatches(segments, backbone, shape, dtype, device, 1)
        batches.network.position_matters()  # a graph needs a first run of the network
    if device.type == "cuda":
        batches.network.record()
    return batches


def _until_error(clips: Iterable[tuple[str, Clip]], errors: list[BaseException]) -> Iterator[tuple[str, Clip]]:
    try:
        yield from clips
    except BaseException as error:  # `stream` raises it when everything before it is computed
        errors.append(error)


def _collect(batch: _RunningBatch) -> Iterator[Features]:
    if batch.arrived is not None:
        batch.arrived.synchronize()
    for clip, features in zip(batch.clips, batch.features.numpy(), strict=True):
        yield clip.clip_id, clip.num_frames, features.copy()


def _empty(clips: int, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return zeros (K·N, F, …); the channels of each image are last in memory."""
    flat = torch.zeros((clips * shape[0] * shape[1], *shape[2:]), dtype=dtype, device=device)
    if flat.dim() == 4:
        flat = flat.contiguous(memory_format=torch.channels_last)
    return flat.view(clips * shape[0], *shape[1:])
