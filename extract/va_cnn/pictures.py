"""Skeletons as pictures: a row for every moment, a column for every joint, x, y and z as the three channels.

Microsoft's VA repository, data_cnn.py; but in metres, and a stretch of frames by itself, never a whole recording that
is cut afterwards: its rows would mix neighbouring segments. Runs wherever the points are; extraction and training
share it.
"""

import torch
from torch import Tensor


def make_pictures(points: Tensor, segments: Tensor, size: int) -> Tensor:
    """Draw stretches of frames as square pictures, bilinearly as PIL enlarges.

    Where a stretch has more frames than the picture rows, rows are sampled, not averaged.

    Args:
        points: (P, 3) float, joints in metres: frame after frame, joint after joint.
        segments: (B, 4) int64: each stretch's first point, its frames, joints of an actor, actors (side by side).
        size: side of the pictures.

    Returns:
        (B, 3, size, size), metres, channels last in memory.
    """
    first, frames, joints, actors = segments[:, :, None].unbind(1)  # (B, 1) each
    columns = joints * actors
    above, below, down = _taps(frames, size)  # (B, size) each
    left, right, across = _taps(columns, size)
    down, across = down[:, :, None, None].to(points.dtype), across[:, None, :, None].to(points.dtype)

    def row(moment: Tensor) -> Tensor:
        start = (first + moment * columns)[:, :, None]  # (B, size, 1)
        return points[start + left[:, None]] * (1 - across) + points[start + right[:, None]] * across

    return (row(above) * (1 - down) + row(below) * down).permute(0, 3, 1, 2)  # from (B, size, size, 3)


def stretch_sequence(points: Tensor, minimum: float, maximum: float) -> Tensor:
    """Stretch a whole clip's coordinates to the training data's extremes, as SciPy's imresize did in the released code.

    The clip's own minimum and maximum may lie in its future: only for comparison with that code.
    """
    low, high = points.min(), points.max()
    return minimum + (points - low) / (high - low).clamp(min=1e-6) * (maximum - minimum)


def _taps(length: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each of `size` places along `length` samples: the samples before and after it, and the weight of the latter.

    Places are the middles of equal parts; beyond the first and the last sample their value holds.
    """
    middle = torch.arange(size, device=length.device, dtype=torch.float64) + 0.5
    place = torch.minimum((middle * length / size - 0.5).clamp(min=0), length - 1.0)  # (B, size)
    before = place.long()
    return before, torch.minimum(before + 1, length - 1), place - before
