"""The anchors of the person detector."""

import numpy as np

from extract.poses.anchors import anchor_centres


def test_the_anchors_are_those_of_the_three_grids() -> None:
    centres = anchor_centres()
    assert centres.shape == (2254, 2)
    expected = []
    for stride, in_cell in ((8, 2), (16, 2), (32, 6)):
        for y in range(224 // stride):
            for x in range(224 // stride):
                expected += in_cell * [((x + 0.5) * stride / 224, (y + 0.5) * stride / 224)]
    np.testing.assert_allclose(centres, expected, rtol=1e-15)
