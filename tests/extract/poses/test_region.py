"""Regions: places go into the picture and back, and two key points give a person's square."""

import math

import numpy as np
import pytest

from extract.poses.region import Region, region_of_person, whole_picture

RANDOM = np.random.default_rng(0)


def test_places_come_back() -> None:
    region = Region(30.0, -4.0, 55.0, 0.7)
    points = RANDOM.normal(size=(3, 9, 2))
    np.testing.assert_allclose(region.from_picture(region.to_picture(points)), points, atol=1e-12)


def test_a_turned_square_has_turned_corners() -> None:
    corners = Region(10.0, 20.0, 4.0, math.pi / 2).to_picture(np.array([[0.0, 0.0], [1.0, 0.0]]))
    np.testing.assert_allclose(corners, [[12, 18], [12, 22]], atol=1e-12)  # clockwise, with y pointing down


def test_the_whole_picture_is_in_the_middle_of_its_square() -> None:
    assert whole_picture(240, 320) == Region(160.0, 120.0, 320.0)
    assert whole_picture(100, 50) == Region(25.0, 50.0, 100.0)


@pytest.mark.parametrize("turn", [0.0, 0.5, -2.0, 3.1])
def test_the_point_above_the_head_is_at_the_top_of_the_region(turn: float) -> None:
    hips, radius = np.array([50.0, 60.0]), 20.0
    edge = hips + radius * np.array([math.sin(turn), -math.cos(turn)])  # turned clockwise from straight above
    region = region_of_person(hips, edge)
    assert (region.x, region.y) == (50, 60)
    assert region.size == pytest.approx(2 * 1.25 * radius)
    assert region.angle == pytest.approx(turn)
    np.testing.assert_allclose(region.from_picture(edge), [0.5, 0.5 - 0.5 / 1.25], atol=1e-12)
