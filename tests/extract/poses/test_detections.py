"""Detections: values are relative to anchors, and those of one person become their weighted mean."""

import numpy as np

from extract.poses.anchors import anchor_centres
from extract.poses.detections import merge_overlapping, read_detections, regions_of_persons
from extract.poses.region import whole_picture


def output(*detections: tuple[int, float, list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """The detector's output with these detections: anchor, score before the sigmoid, and 12 values from 0 to 1."""
    boxes, scores = np.zeros((2254, 12), np.float32), np.full(2254, -200, np.float32)
    for anchor, score, values in detections:
        offset = np.array([*anchor_centres()[anchor], 0, 0, *np.tile(anchor_centres()[anchor], 4)])
        boxes[anchor], scores[anchor] = 224 * (np.array(values) - offset), score
    return boxes, scores


def person(x: float, y: float) -> list[float]:
    """A box of 0.2 by 0.4 around the hips, and the point above the head."""
    return [x, y, 0.2, 0.4, x, y, x, y - 0.3, x, y, x, y]


def test_values_are_relative_to_their_anchors() -> None:
    values, scores = read_detections(
        *output((900, 2.0, person(0.4, 0.5)), (7, 1.0, person(0.1, 0.2)), (8, -0.1, [0] * 12))
    )
    np.testing.assert_allclose(scores, 1 / (1 + np.exp([-2.0, -1.0])))
    np.testing.assert_allclose(values[0, :8], [0.3, 0.3, 0.5, 0.7, 0.4, 0.5, 0.4, 0.2], atol=1e-6)
    np.testing.assert_allclose(values[1, :4], [0, 0, 0.2, 0.4], atol=1e-6)


def test_overlapping_detections_become_their_mean() -> None:
    values = np.zeros((3, 12))
    values[:, :4] = [0, 0, 1, 1], [0.2, 0, 1.2, 1], [3, 3, 4, 4]
    merged = merge_overlapping(values, np.array([0.9, 0.6, 0.5]))
    np.testing.assert_allclose(merged[:, 0], [(0.9 * 0 + 0.6 * 0.2) / 1.5, 3])
    assert merge_overlapping(values[:0], np.zeros(0)).shape == (0, 12)


def test_regions_are_in_the_picture_and_the_most_certain_comes_first() -> None:
    boxes, scores = output((900, 1.0, person(0.25, 0.5)), (1200, 3.0, person(0.75, 0.5)))
    first, second = regions_of_persons(boxes, scores, whole_picture(240, 320))
    np.testing.assert_allclose([first.x, first.y, second.x, second.y], [240, 120, 80, 120], atol=1e-3)
    np.testing.assert_allclose([first.size, first.angle], [2.5 * 0.3 * 320, 0], atol=1e-3)
    assert regions_of_persons(*output(), whole_picture(240, 320)) == []
