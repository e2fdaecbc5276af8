"""Which frames of a stream a network sees: F of each segment.

In a live stream a segment lasts a fixed time. Frame i of a segment of S seconds is the one that is shown S·(2i+1)/2F
seconds after the segment's beginning: the rule of `extract.segments`, in seconds. Where the length of the recording is
known, `extract.segments` itself chooses, so the features are those of an extraction.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extract.clip import DecodeError
from extract.segments import frame_indices

GAP_SECONDS = 2.0  # a longer step of the stream's clock is a gap: what was seen before it belongs to another moment
DISORDER_SECONDS = 0.5  # a frame that comes later than this is no disorder of frames: the clock was set back


@dataclass(frozen=True)
class LiveFrame:
    """A frame of a stream.

    Attributes:
        time: on the clock of the stream, in seconds.
        captured: when it arrived, in seconds of `time.monotonic`.
        convert: gives the frame (H, W, 3) uint8 RGB. Frames that are not needed are not converted.
        begins: another recording begins with this frame.
    """

    time: float
    captured: float
    convert: Callable[[], NDArray[np.uint8]]
    begins: bool = False


@dataclass(frozen=True)
class Pick:
    """A frame that the network sees.

    Attributes:
        frame: the frame.
        places: the places that it takes, counted from the last beginning: place p is in segment p // F.
        begins: why everything starts anew with this frame; "": it goes on.
    """

    frame: LiveFrame
    places: range
    begins: str = ""


def pick_by_time(frames: Iterable[LiveFrame], segment_seconds: float, frames_per_segment: int) -> Iterator[Pick]:
    """Yield the frames that are seen of a stream without a known end, each with its places.

    A frame takes all places until the next frame is shown. Places that come within the shortest time that a frame was
    shown so far are given at once: waiting for the next frame would cost a live stream that time. The last frame is
    shown for this time too.

    Args:
        frames: in the order in which they arrive.
        segment_seconds: S.
        frames_per_segment: F.
    """
    pace = segment_seconds / (2 * frames_per_segment)  # place p is (2p + 1) paces after the beginning
    gap = max(GAP_SECONDS, segment_seconds)
    shown: LiveFrame | None = None
    start, taken, shown_for, reason = 0.0, 0, math.inf, ""  # shown_for: the shortest time of a frame so far

    def until(moment: float) -> Iterator[Pick]:
        """Yield the pick of the shown frame, if it takes places before a moment."""
        nonlocal taken, reason
        end = max(taken, math.ceil(((moment - start) / pace - 1) / 2 - 1e-9))
        if shown is not None and end > taken:
            yield Pick(shown, range(taken, end), reason)
            taken, reason = end, ""

    for frame in frames:
        passed = 0.0 if shown is None else frame.time - shown.time
        if shown is None or frame.begins or passed > gap or passed < -DISORDER_SECONDS:
            if shown is None:
                reason = "the stream begins"
            else:
                reason = "another recording begins" if frame.begins else f"its clock jumped by {passed:+.1f} s"
            start, taken, shown_for = frame.time, 0, math.inf
        elif passed <= 0:
            continue
        else:
            yield from until(frame.time)
            shown_for = min(shown_for, passed)
        shown = frame
        if shown_for < math.inf:
            yield from until(shown.time + shown_for)


def pick_known_length(
    frames: Iterable[LiveFrame], num_frames: int, num_segments: int, frames_per_segment: int
) -> Iterator[Pick]:
    """Yield the frames that an extraction takes of a recording whose length is known.

    Args:
        frames: of the whole recording.
        num_frames: T.
        num_segments: N.
        frames_per_segment: F.

    Raises:
        DecodeError: the recording has fewer frames, so other ones should have been taken.
    """
    indices = frame_indices(num_frames, num_segments, frames_per_segment).ravel()
    taken, reason, number = 0, "the stream begins", -1
    for number, frame in enumerate(frames):
        end = taken
        while end < len(indices) and indices[end] == number:
            end += 1
        if end > taken:
            yield Pick(frame, range(taken, end), reason)
            taken, reason = end, ""
    if taken < len(indices):
        raise DecodeError(
            f"it has {number + 1} frames and not {num_frames}, so its segments are not known; say how long an action "
            "lasts (--action-seconds)"
        )
