"""Which frames a clip's features are made of: N segments, F frames in each.

Segment n of T frames is [floor((n-1)·T/N), floor(n·T/N)), 0-based (paper, section 3.1; Kong & Fu's protocol). Inside a
segment of L frames, the TSN test rule takes frame floor(L·(2i+1) / 2F), i = 0 … F-1 (mit-han-lab/temporal-shift-module,
ops/dataset.py, here in exact integers). So short segments repeat frames.
"""

import numpy as np
from numpy.typing import NDArray

SEGMENT_RULE = "[floor((n-1)T/N), floor(nT/N)), at least one frame; TSN test rule inside"


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
