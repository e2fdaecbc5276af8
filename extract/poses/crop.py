"""Cut a region out of a frame and bring it to the size of a network's input, by bilinear interpolation.

The grey levels are those of OpenCV's `warpPerspective`, which MediaPipe uses: places are rounded to 1/32 of a pixel and
grey levels to whole ones. A pixel's value is that at its corner, and pixels are not averaged where the picture becomes
smaller. NumPy alone is used, because a decode worker that loads more starts later.
"""

import numpy as np
from numpy.typing import NDArray

from extract.poses.region import Region

PART_BITS = 5
PARTS = 1 << PART_BITS  # of a pixel
PLACES = (np.uint64(0), np.uint64(21), np.uint64(42))  # the first bit of each colour; 255 · PARTS² needs 18 bits
HALF = sum(np.uint64(PARTS**2 // 2) << bit for bit in PLACES)  # so that grey levels are rounded
MOST = 1 << 24  # pixels of a place that can be told; farther ones are outside of every frame


def crop(frame: NDArray[np.uint8], region: Region, side: int, *, zero_outside: bool) -> NDArray[np.float32]:
    """Return the pixels of a region.

    Args:
        frame: (H, W, 3) RGB.
        region: may reach out of the frame.
        side: S, the number of pixels of a side of the result.
        zero_outside: what is outside of the frame is black; else it is as the nearest pixel of the frame.

    Returns:
        (S, S, 3) grey levels, whole numbers from 0 to 255.
    """
    height, width = frame.shape[:2]
    x, y = _places(region, side)
    left, top = x >> PART_BITS, y >> PART_BITS
    right_share, bottom_share = x & PARTS - 1, y & PARTS - 1
    pixels = _packed(frame)
    sums = np.full((side, side), HALF, np.uint64)
    for row, across_y in ((top, PARTS - bottom_share), (top + 1, bottom_share)):
        start = row.clip(0, height - 1) * width
        for column, across_x in ((left, PARTS - right_share), (left + 1, right_share)):
            share = across_x * across_y
            if zero_outside:
                share *= (row >= 0) & (row < height) & (column >= 0) & (column < width)
            sums += pixels.take(start + column.clip(0, width - 1)) * share.astype(np.uint64)
    result = np.empty((side, side, 3), np.float32)
    for colour, bit in enumerate(PLACES):
        result[..., colour] = (sums >> bit + 2 * PART_BITS) & 255
    return result


def _packed(frame: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the three colours of each pixel as one number (H · W,), so that one product weighs all three."""
    red, green, blue = (frame[..., colour].astype(np.uint64) << bit for colour, bit in enumerate(PLACES))
    packed: NDArray[np.uint64] = (red | green | blue).ravel()
    return packed


def _places(region: Region, side: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return x and y in the frame of the result's pixels (S, S), in parts of a pixel."""
    steps = np.arange(side) * (region.size / side)
    (a, b), (c, d) = region.rotation
    first_x, first_y = region.to_picture(np.zeros(2))
    x = first_x + a * steps + b * steps[:, None]
    y = first_y + c * steps + d * steps[:, None]
    places = np.rint(np.stack([x, y]) * PARTS).clip(-MOST * PARTS, MOST * PARTS).astype(np.int32)
    return places[0], places[1]
