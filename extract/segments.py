"""Which frames a clip's features are made of: N segments, F frames in each, or segments that last a fixed time.

Segment n of T frames is [floor((n-1)·T/N), floor(n·T/N)), 0-based (paper, section 3.1; Kong & Fu's protocol). Inside a
segment of L frames, the TSN test rule takes frame floor(L·(2i+1) / 2F), i = 0 … F-1 (mit-han-lab/temporal-shift-module,
ops/dataset.py, here in exact integers). So short segments repeat frames.

Segments of S seconds begin with the recording. At r frames a second segment n has the frames from (n-1)·r·S to n·r·S,
and the TSN rule takes the frame that is shown S·(2i+1) / 2F after the segment's beginning: `evaluate.watch.picks` has
the same rule for live streams. A clip has as many segments as fit best into its length, at least 1 and at most N.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

SEGMENT_RULE = "[floor((n-1)T/N), floor(nT/N)), at least one frame; TSN test rule inside"
SECONDS_RULE = "segments of a fixed time from the first frame on, at least one frame; TSN test rule inside, in seconds"


@dataclass(frozen=True)
class SegmentTime:
    """The length of a segment in time.

    Attributes:
        seconds: S.
        frame_rate: r of recordings that do not say it, as skeleton files and folders of images; None: not known.
    """

    seconds: float
    frame_rate: float | None = None

    def frames(self, own_rate: Fraction | None = None) -> Fraction:
        """Return how many frames a segment lasts, r·S, without rounding.

        Args:
            own_rate: the frames a second that the recording itself gives; None: it gives none.

        Raises:
            ValueError: no rate is known.
        """
        rate = own_rate or (None if self.frame_rate is None else Fraction(str(self.frame_rate)))
        if not rate:
            raise ValueError("its frame rate is not known, and segments of a fixed time need it; give frame_rate")
        return rate * Fraction(str(self.seconds))


def segment_bounds(num_frames: int, num_segments: int) -> NDArray[np.int64]:
    """Return first and last-plus-one frame of every segment.

    Where T < N, a segment without a frame of its own repeats the last frame before it, never a later one. The first
    segments then have frame 0.

    Args:
        num_frames: T, 1 or more.
        num_segments: N, 1 or more.

    Returns:
        (N, 2) frame numbers, 0-based, each row with start < end.
    """
    if num_frames < 1 or num_segments < 1:
        raise ValueError(f"cannot cut {num_frames} frames into {num_segments} segments")
    n = np.arange(num_segments, dtype=np.int64)
    end = np.maximum((n + 1) * num_frames // num_segments, 1)
    start = np.minimum(n * num_frames // num_segments, end - 1)
    return np.stack([start, end], axis=1)


def frame_indices(num_frames: int, num_segments: int, frames_per_segment: int) -> NDArray[np.int64]:
    """Return the frames that each segment's feature is made of.

    Args:
        num_frames: T, 1 or more.
        num_segments: N, 1 or more.
        frames_per_segment: F.

    Returns:
        (N, F) frame numbers, 0-based, not decreasing along a segment.
    """
    bounds = segment_bounds(num_frames, num_segments)
    start, length = bounds[:, :1], bounds[:, 1:] - bounds[:, :1]  # (N, 1) each
    i = np.arange(frames_per_segment, dtype=np.int64)
    return start + length * (2 * i + 1) // (2 * frames_per_segment)


def timed_count(num_frames: int, segment_frames: Fraction, most: int) -> int:
    """Return how many segments of a fixed time a clip has: T/(r·S), where a half is rounded down, from 1 to `most`.

    Args:
        num_frames: T, 1 or more.
        segment_frames: r·S.
        most: N.
    """
    exact = num_frames / segment_frames
    return min(max(1, -((Fraction(1, 2) - exact) // 1)), most)


def timed_bounds(num_frames: int, segment_frames: Fraction, num_segments: int) -> NDArray[np.int64]:
    """Return first and last-plus-one frame of segments of a fixed time.

    A segment without a frame of its own repeats the last frame before it. The last segment of a clip may be cut.

    Args:
        num_frames: T, 1 or more.
        segment_frames: r·S.
        num_segments: how many segments.

    Returns:
        (segments, 2) frame numbers, 0-based, each row with start < end.
    """
    begins = np.array([-(-n * segment_frames // 1) for n in range(num_segments + 1)], np.int64)
    end = np.clip(begins[1:], 1, num_frames)
    return np.stack([np.minimum(begins[:-1], end - 1), end], axis=1)


def timed_frames(
    num_frames: int, segment_frames: Fraction, num_segments: int, frames_per_segment: int
) -> NDArray[np.int64]:
    """Return the frames that the features of segments of a fixed time are made of.

    Args:
        num_frames: T, 1 or more. Where the last segment is cut, its last frame is repeated.
        segment_frames: r·S.
        num_segments: how many segments.
        frames_per_segment: F.

    Returns:
        (segments, F) frame numbers, 0-based.
    """
    pace = segment_frames / (2 * frames_per_segment)
    places = num_segments * frames_per_segment
    shown = np.array([(2 * place + 1) * pace // 1 for place in range(places)], np.int64)
    return np.minimum(shown, num_frames - 1).reshape(num_segments, frames_per_segment)


def repeat_last(segments: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return `count` segments: the given ones (M, …), then the last one of them again and again."""
    return segments[np.minimum(np.arange(count), len(segments) - 1)]
