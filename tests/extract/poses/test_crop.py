"""The pixels of a region are those of a computation pixel by pixel in float64."""

import numpy as np
import pytest

from extract.poses.crop import crop
from extract.poses.region import Region

FRAME = np.random.default_rng(0).integers(0, 256, (14, 21, 3), np.uint8)


def slow(region: Region, side: int, zero_outside: bool) -> np.ndarray:
    """Each pixel on its own: the place to 1/32, the four pixels around it, and the grey level to a whole number."""
    height, width = FRAME.shape[:2]
    result = np.zeros((side, side, 3))
    for row, column in np.ndindex(side, side):
        x, y = np.rint(32 * region.to_picture(np.array([column / side, row / side]))) / 32
        left, top = int(np.floor(x)), int(np.floor(y))
        for near_y, share_y in ((top, 1 - (y - top)), (top + 1, y - top)):
            for near_x, share_x in ((left, 1 - (x - left)), (left + 1, x - left)):
                inside = 0 <= near_y < height and 0 <= near_x < width
                if inside or not zero_outside:
                    pixel = FRAME[np.clip(near_y, 0, height - 1), np.clip(near_x, 0, width - 1)]
                    result[row, column] += share_x * share_y * pixel.astype(np.float64)
    return np.floor(result + 0.5)


@pytest.mark.parametrize("zero_outside", [False, True])
@pytest.mark.parametrize("region", [Region(10, 7, 12), Region(9.3, 6.1, 30, 0.4), Region(2, 12, 8, -2.5)])
def test_the_pixels_are_those_of_a_slow_computation(region: Region, zero_outside: bool) -> None:
    found = crop(FRAME, region, 16, zero_outside=zero_outside)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, slow(region, 16, zero_outside))


def test_a_region_far_outside_is_black_or_of_one_colour() -> None:
    far = Region(1e12, -1e12, 10)
    assert not crop(FRAME, far, 4, zero_outside=True).any()
    np.testing.assert_array_equal(crop(FRAME, far, 4, zero_outside=False), np.tile(FRAME[0, -1], (4, 4, 1)))
