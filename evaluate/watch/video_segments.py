"""The segments of a video stream: the feature of each one as soon as its frames are there.

Where the network takes single frames, each frame is computed when it arrives, so the work of a segment is spread over
its time. Other networks compute all frames of a segment when the last one has arrived.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluate.watch.mailbox import FrameArrived
from evaluate.watch.segment import Segment
from extract.clip import Clip
from extract.networks.segment_network import SegmentNetwork


class SegmentFeature(Protocol):
    """Computes the feature of a segment from its F frames in order; `FrameStream` is one too."""

    def restart(self) -> None:
        """Begin a recording: nothing of what was before counts."""

    def reset(self) -> None:
        """Begin a segment."""

    def push(self, frame: NDArray[np.uint8], resized: bool = False) -> None:
        """Take the next frame (H, W, 3); `resized`: it has the size that the network sees."""

    def features(self) -> NDArray[np.float32]:
        """Return the feature (D,) of the segment."""


class WholeSegment:
    """Collects the frames of a segment, and computes them together.

    Args:
        network: prepared for one segment.
    """

    def __init__(self, network: SegmentNetwork) -> None:
        self._network = network
        self.restart()

    def restart(self) -> None:
        """See `SegmentFeature.restart`."""
        self.reset()

    def reset(self) -> None:
        """See `SegmentFeature.reset`."""
        self._frames: list[NDArray[np.uint8]] = []

    def push(self, frame: NDArray[np.uint8], resized: bool = False) -> None:
        """See `SegmentFeature.push`."""
        self._resized = resized
        if self._frames and frame.shape != self._frames[0].shape:  # the size of the stream has changed
            height, width = self._frames[0].shape[:2]
            frame = np.array(Image.fromarray(frame).resize((width, height)), np.uint8)
        self._frames.append(frame)

    def features(self) -> NDArray[np.float32]:
        """See `SegmentFeature.features`."""
        places = np.arange(len(self._frames))[None]
        clip = Clip(np.stack(self._frames), places, len(self._frames), resized=self._resized)
        features: NDArray[np.float32] = self._network(clip)[0]
        return features


class VideoSegments:
    """The segments of one stream.

    Args:
        feature: computes a segment, for this stream alone.
        frames_per_segment: F.
        resized: the frames have the size that the network sees.
    """

    def __init__(self, feature: SegmentFeature, frames_per_segment: int, resized: bool) -> None:
        self._feature = feature
        self._size = frames_per_segment
        self._resized = resized
        self.restart()

    def restart(self) -> None:
        """Forget everything, with the frames of the segment that is not complete yet."""
        self._feature.restart()
        self._begin(-1)

    def begin_episode(self) -> None:
        """Let the next segment be the first one of a recording: nothing that a network carries is left."""
        self._feature.restart()

    def add(self, arrived: FrameArrived) -> Iterator[Segment]:
        """Take a frame, and yield the segments that are complete with it.

        Frames that were dropped are replaced by the one before them in their segment, or else by the next one.
        """
        if arrived.begins:
            self.restart()
        for place in arrived.places:
            number, within = divmod(place, self._size)
            if number != self._number:
                yield from self._complete()
                self._begin(number)
            self._fill(within, self._last or arrived)
            self._push(arrived)
            if within == self._size - 1:
                yield from self._complete()

    def _begin(self, number: int) -> None:
        self._feature.reset()
        self._number, self._pushed, self._missing = number, 0, 0
        self._last: FrameArrived | None = None

    def _push(self, arrived: FrameArrived) -> None:
        self._feature.push(arrived.frame, self._resized)
        self._pushed, self._last = self._pushed + 1, arrived

    def _fill(self, end: int, neighbour: FrameArrived) -> None:
        """Put a neighbour into the places up to `end` whose frames were dropped."""
        while self._pushed < end:
            self._push(neighbour)
            self._missing += 1

    def _complete(self) -> Iterator[Segment]:
        if self._last is None:  # there is no segment yet, or it is complete already
            return
        last = self._last
        self._fill(self._size, last)
        segment = Segment(self._number, self._feature.features(), last.time, last.captured, self._missing)
        self._begin(self._number)
        yield segment
