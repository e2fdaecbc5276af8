"""Which frames a clip's features are made of: N segments, F frames in each. Integers only; no video here.

Segment n of T frames is [floor((n-1)·T/N), floor(n·T/N)) (Kong & Fu's protocol, 0-based). Inside a segment of
L frames the TSN test rule takes frame floor(L·(2i+1) / 2F), i = 0 … F-1 (mit-han-lab/temporal-shift-module,
ops/dataset.py, in exact integers), so short segments repeat frames.
"""

import numpy as np
from numpy.typing import NDArray

SEGMENT_RULE = "[floor((n-1)T/N), floor(nT/N)), at least one frame; TSN test rule inside"


def segment_bounds(num_frames: int, segments: int) -> NDArray[np.int64]:
    """Return first and last-plus-one frame of every segment.

    Where T < N leaves a segment no frame of its own, it repeats the last frame seen so far, never a later one;
    only frame 0 is always seen.

    Args:
        num_frames: T, at least 1.
        segments: N.

    Returns:
        (N, 2) frame numbers, 0-based, each row with start < end.
    """
    if num_frames < 1 or segments < 1:
        raise ValueError(f"cannot cut {num_frames} frames into {segments} segments")
    n = np.arange(segments, dtype=np.int64)
    end = np.maximum((n + 1) * num_frames // segments, 1)
    start = np.minimum(n * num_frames // segments, end - 1)
    return np.stack([start, end], axis=1)


def frame_indices(num_frames: int, segments: int, frames_per_segment: int) -> NDArray[np.int64]:
    """Return the frames each segment's feature is made of.

    Returns:
        (N, F) frame numbers, 0-based, not decreasing along a segment.
    """
    bounds = segment_bounds(num_frames, segments)
    start, length = bounds[:, :1], bounds[:, 1:] - bounds[:, :1]  # (N, 1) each
    i = np.arange(frames_per_segment, dtype=np.int64)
    return start + length * (2 * i + 1) // (2 * frames_per_segment)
