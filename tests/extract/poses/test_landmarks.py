"""From the network's output to joints: heat maps, the turn of the region, and both kinds of coordinates."""

import math

import numpy as np

from extract.poses.landmarks import LandmarkOutput, read_person, refine
from extract.poses.region import Region

RANDOM = np.random.default_rng(0)


def slow_refine(places: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Each cell on its own."""
    refined = places.copy()
    for point, (x, y) in enumerate(places):
        column, row, total, best, sums = int(x * 64), int(y * 64), 0.0, 0.0, np.zeros(2)
        for r in range(max(row - 4, 0), min(row + 5, 64)):
            for c in range(max(column - 4, 0), min(column + 5, 64)):
                confidence = 1 / (1 + math.exp(-float(heat[r, c, point])))
                total, best, sums = total + confidence, max(best, confidence), sums + confidence * np.array([c, r])
        if best >= 0.5:
            refined[point] = sums / total / 64
    return refined


def test_points_move_to_the_mean_of_their_heat_maps() -> None:
    places = RANDOM.uniform(0, 1, (39, 2))
    heat = RANDOM.normal(-2, 1, (64, 64, 39)).astype(np.float32)
    heat[..., :3] = -5  # nowhere certain
    found = refine(places, heat)
    np.testing.assert_allclose(found, slow_refine(places, heat), atol=1e-12)
    np.testing.assert_array_equal(found[:3], places[:3])


def test_points_outside_of_the_heat_map_stay() -> None:
    places = np.array([[-0.1, 0.5], [0.5, 1.0]])
    np.testing.assert_array_equal(refine(places, np.full((64, 64, 2), 9, np.float32)), places)


def test_joints_are_turned_back_and_scaled() -> None:
    region, heat = Region(100.0, 80.0, 64.0, 0.3), np.full((64, 64, 39), -9, np.float32)
    points, world = RANDOM.normal(128, 40, (39, 5)).astype(np.float32), RANDOM.normal(size=(39, 3)).astype(np.float32)
    points[:, 3] = 0
    person = read_person(LandmarkOutput(points, 1.0, heat, world), region)
    cos, sin = math.cos(0.3), math.sin(0.3)
    x, y = ((points[:, axis].astype(np.float64) - 128) / 4 for axis in (0, 1))
    places = np.stack([100 + cos * x - sin * y, 80 + sin * x + cos * y], axis=1)
    np.testing.assert_allclose(person.picture[:, :2], places[:33])
    np.testing.assert_allclose(person.picture[:, 2], points[:33, 2] / 4, rtol=1e-6)
    np.testing.assert_allclose([person.hips, person.edge], places[33:35])
    a, b = world[:33, 0].astype(np.float64), world[:33, 1].astype(np.float64)
    np.testing.assert_allclose(
        person.world[:, :2], np.stack([cos * a - sin * b, sin * a + cos * b], axis=1), atol=1e-12
    )
    np.testing.assert_array_equal(person.world[:, 2], world[:33, 2])
    np.testing.assert_array_equal(person.visibility, 0.5)
