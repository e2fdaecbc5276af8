"""Clips through a network many at a time, in batches of one shape, so that a GPU need not wait for the host.

While one batch is computed the next is staged: frames go to the device through pinned memory in pieces and become
images there, on a stream of their own. Where in a batch a clip lies must not matter; that is tried out first. A place
of a batch is a segment, or a single frame where the network sees one frame at a time: then a frame that segments share
is computed once, and a batch holds as many clips as their distinct frames leave room for. Works on a CPU too, only
without anything to gain. What a network is and how a clip is decoded is not here.
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

BATCH_IMAGES = 320  # enough to fill the largest GPUs; in bf16 at 224 pixels a batch of input is 96 MB

Segments = Callable[[Tensor], Tensor]  # images (B, F, …) of B segments → features (B, D) float32
Features = tuple[str, int, NDArray[np.float32]]  # clip_id, num_frames, (N, D)


@dataclass(frozen=True)
class _Waiting:
    """A clip whose images are staged: all that is kept of it, and its places in the batch."""

    clip_id: str
    num_frames: int
    segments: NDArray[np.int64]
    places: slice


@dataclass(frozen=True)
class _Flight:
    """A batch on its way: its clips, their features (clips, N, D) on the host, and when they are."""

    clips: list[_Waiting]
    features: Tensor
    arrived: torch.cuda.Event | None


class ClipBatches:
    """A network that takes as many images at once as K clips have at most, always in the same shape.

    Args:
        segments: the network; on a CUDA device it is recorded as a graph where that gives the same bits.
        backbone: how a clip becomes images.
        shape: (N, F, …) of a clip's images, segment by segment.
        dtype: of the network's input.
        device: where it is.
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
        self.segments = segments
        self.backbone = backbone
        self.segments_shape = shape[:2]
        self.shape = (
            (shape[0] * shape[1], 1, *shape[2:]) if backbone.per_frame else shape
        )  # of a clip's places, at most
        self.device = device
        self.clips_at_once = clips_at_once
        cuda = device.type == "cuda"
        # Staged is what comes next, input what the network reads. A copy between them is short beside the network.
        self.staged, self.input = (_empty(clips_at_once, self.shape, dtype, device) for _ in range(2))
        # Before the network's kernels, which fill the device: what is staged late is computed late.
        self.staging = torch.cuda.Stream(device, priority=-1) if cuda else None  # type: ignore[no-untyped-call]
        self.taken: torch.cuda.Event | None = None
        self.upload = DeviceUpload(device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.output: Tensor | None = None

    def stream(
        self, clips: Iterable[tuple[str, Clip]], alone: Callable[[Clip], NDArray[np.float32]]
    ) -> Iterator[Features]:
        """Yield (clip_id, num_frames, features (N, D)) of every clip, in order, up to two batches behind.

        Where `clips` ends with an error, what came before it is computed first.

        Args:
            clips: named clips.
            alone: the network for a clip whose images have another shape.
        """
        flights: deque[_Flight] = deque()
        waiting: list[_Waiting] = []
        errors: list[BaseException] = []
        for clip_id, clip in _until_error(clips, errors):
            if waiting and waiting[-1].places.stop + self._size(clip) > len(self.input):
                flights.append(self._launch(waiting))
                waiting = []
            first = waiting[-1].places.stop if waiting else 0
            fits = self.stage(clip, first)
            if fits:
                places = slice(first, first + self._size(clip))
                waiting.append(_Waiting(clip_id, clip.num_frames, clip.segments, places))
            if waiting and (self._is_full(waiting) or not fits):
                flights.append(self._launch(waiting))
                waiting = []
            while len(flights) > (1 if fits else 0):  # the device has the next batch before the host waits for this one
                yield from _collect(flights.popleft())
            if not fits:
                yield clip_id, clip.num_frames, alone(clip)
        if waiting:
            flights.append(self._launch(waiting))  # the other places hold what was there before
        for flight in flights:
            yield from _collect(flight)
        if errors:
            raise errors[0]

    @torch.inference_mode()
    def stage(self, clip: Clip, first: int) -> bool:
        """Put a clip's images into the next batch from a place on; False, and nothing is put, where they do not fit."""
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

    @torch.inference_mode()
    def compute(self) -> Tensor:
        """Return the features of the input, (places, D), on the device."""
        if self.graph is None or self.output is None:
            return self.segments(self.input)
        self.graph.replay()
        return self.output

    @torch.inference_mode()
    def place_matters(self) -> bool:
        """Tell whether a clip gets other bits at other places, among other neighbours."""
        noise = torch.Generator(self.device).manual_seed(0)
        first, other, later = (
            torch.rand(self.input.shape, generator=noise, device=self.device, dtype=torch.float32) for _ in range(3)
        )
        length = self.shape[0]
        other[-length:], other[:length] = first[:length], first[-length:]
        later[1:] = first[:-1]  # where frames are single, a clip may begin anywhere
        tried = (first, other, later) if self.backbone.per_frame else (first, other)
        bits = [self.segments(self.input.copy_(images)).view(torch.int32).clone() for images in tried]
        before, after = bits[:2]
        same = torch.equal(before[:length], after[-length:]) and torch.equal(before[-length:], after[:length])
        return not (same and all(torch.equal(before[:-1], moved[1:]) for moved in bits[2:]))

    @torch.inference_mode()
    def record(self) -> None:
        """Record the network as a CUDA graph, which the host starts at once; kept only where it gives the same bits."""
        expected = self.segments(self.input)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                output = self.segments(self.input)
            graph.replay()
        except RuntimeError:  # an operation in it waits for the host: such a network is started kernel by kernel
            return
        if torch.equal(output.view(torch.int32), expected.view(torch.int32)):
            self.graph, self.output = graph, output

    def pieces(self, clip: Clip) -> Iterator[NDArray[np.uint8] | NDArray[np.float32]]:
        """Yield a clip's content in the pieces that go to the device."""
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
    def _launch(self, clips: list[_Waiting]) -> _Flight:
        main = None
        if self.staging is not None:
            main = torch.cuda.current_stream(self.device)
            main.wait_stream(self.staging)
        self.input.copy_(self.staged)
        self.taken = mark(main)
        every = self.compute()
        features = torch.stack([self._of_clip(every[clip.places], clip.segments) for clip in clips])
        on_host = torch.empty(features.shape, pin_memory=main is not None).copy_(features, non_blocking=True)
        return _Flight(clips, on_host, mark(main))

    def _of_clip(self, every: Tensor, segments: NDArray[np.int64]) -> Tensor:
        """Return the features (N, D) of what a clip's places gave."""
        if not self.backbone.per_frame:
            return every
        return self.backbone.pool(every[torch.from_numpy(segments).to(self.device, non_blocking=True)])

    def _size(self, clip: Clip) -> int:
        """Return how many places a clip takes."""
        return len(clip.content) if self.backbone.per_frame else self.shape[0]

    def _is_full(self, waiting: list[_Waiting]) -> bool:
        return self.clips_at_once == 1 or waiting[-1].places.stop == len(self.input)


def choose_batches(
    segments: Segments, backbone: Backbone, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> ClipBatches:
    """Return batches of about `BATCH_IMAGES` images; of one clip where its place would matter, or memory is short."""
    try:
        batches = ClipBatches(segments, backbone, shape, dtype, device, max(1, BATCH_IMAGES // (shape[0] * shape[1])))
        alone = batches.place_matters()
    except torch.OutOfMemoryError:
        alone = True
    if alone:
        batches = ClipBatches(segments, backbone, shape, dtype, device, 1)
        batches.place_matters()  # a first run, which a graph needs
    if device.type == "cuda":
        batches.record()
    return batches


def _until_error(clips: Iterable[tuple[str, Clip]], errors: list[BaseException]) -> Iterator[tuple[str, Clip]]:
    try:
        yield from clips
    except BaseException as error:  # raised by `stream` once everything before it is computed
        errors.append(error)


def _collect(flight: _Flight) -> Iterator[Features]:
    if flight.arrived is not None:
        flight.arrived.synchronize()
    for clip, features in zip(flight.clips, flight.features.numpy(), strict=True):
        yield clip.clip_id, clip.num_frames, features.copy()


def _empty(clips: int, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return zeros (K·N, F, …), each image channels last."""
    flat = torch.zeros((clips * shape[0] * shape[1], *shape[2:]), dtype=dtype, device=device)
    if flat.dim() == 4:
        flat = flat.contiguous(memory_format=torch.channels_last)
    return flat.view(clips * shape[0], *shape[1:])
