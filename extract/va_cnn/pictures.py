"""Skeletons as images: a row for every moment, a column for every joint, and x, y and z as the three channels.

This follows Microsoft's VA repository, data_cnn.py, with two differences. The values are metres. And each stretch of
frames is drawn by itself: in the image of a whole recording that is cut afterwards, rows would mix adjacent segments.
Extraction and training both use it, on a CPU or a GPU.
"""

import torch
from torch import Tensor


def make_pictures(points: Tensor, segments: Tensor, size: int) -> Tensor:
    """Draw stretches of frames as square images, interpolated linearly in both directions as PIL does.

    If a stretch has more frames than the image has rows, frames are sampled and not averaged.

    Args:
        points: (P, 3) float, joints in metres: frame after frame, joint after joint.
        segments: (B, 4) int64: for each stretch its first point, its frames, the joints of an actor, and the actors,
            which are drawn side by side.
        size: the side of the images.

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
    """Scale a whole clip's coordinates to the range of the training data, as SciPy's imresize in the released code.

    The clip's minimum and maximum may lie in its future, so this is only for the comparison with that code.
    """
    low, high = points.min(), points.max()
    return minimum + (points - low) / (high - low).clamp(min=1e-6) * (maximum - minimum)


def _taps(length: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return, for `size` positions along `length` samples, the samples before and after it and the latter's weight.

    Positions are the middles of equal parts. Those before the first or after the last sample have its value.
    """
    middle = torch.arange(size, device=length.device, dtype=torch.float64) + 0.5
    place = torch.minimum((middle * length / size - 0.5).clamp(min=0), length - 1.0)  # (B, size)
    before = place.long()
    return before, torch.minimum(before + 1, length - 1), place - before
