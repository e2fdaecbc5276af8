"""From the person detector's output to the persons in a picture, each with the two key points of its region.

Source: MediaPipe, `pose_detection_cpu.pbtxt` and its calculators.
"""

import numpy as np
from numpy.typing import NDArray

from extract.poses.anchors import SIDE, anchor_centres
from extract.poses.region import Region, region_of_person

LEAST_SCORE = 0.5
MOST_OVERLAP = 0.3  # of two detections of different persons, as intersection over union
HIPS, EDGE = 0, 1  # of the four key points; the others are of the upper body


def read_detections(
    boxes: NDArray[np.float32], scores: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the detections whose score is high enough, the best one first.

    Args:
        boxes: (2254, 12), for each anchor the centre, width and height of a box and x and y of four key points, in
            pixels of the detector's input; places are relative to the anchor.
        scores: (2254,), before the sigmoid.

    Returns:
        Values (D, 12) from 0 to 1: left, top, right and bottom of a box, and the key points; and scores (D,).
    """
    score = 1 / (1 + np.exp(-scores.astype(np.float64).clip(-100, 100)))
    best = np.argsort(-score, kind="stable")
    best = best[score[best] >= LEAST_SCORE]
    values = boxes[best].astype(np.float64) / SIDE
    centres = anchor_centres()[best]
    middle, half = values[:, :2] + centres, values[:, 2:4] / 2
    points = values[:, 4:].reshape(-1, 4, 2) + centres[:, None]
    return np.concatenate([middle - half, middle + half, points.reshape(-1, 8)], axis=1), score[best]


def merge_overlapping(values: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one detection for each person: the mean of those that overlap with the best one, weighted by their scores.

    Args:
        values: (D, 12) as `read_detections` returns them.
        scores: (D,), the highest first.

    Returns:
        (persons, 12), the best one first.
    """
    merged = []
    while len(values):
        same = _overlap(values[0, :4], values[:, :4]) > MOST_OVERLAP
        same[0] = True  # also if its box is empty
        merged.append(np.average(values[same], axis=0, weights=scores[same]))
        values, scores = values[~same], scores[~same]
    return np.array(merged).reshape(-1, 12)


def regions_of_persons(boxes: NDArray[np.float32], scores: NDArray[np.float32], picture: Region) -> list[Region]:
    """Return the regions of the persons in a picture, the most certain person first.

    Args:
        boxes: (2254, 12), the detector's output.
        scores: (2254,).
        picture: the square that the detector saw.
    """
    points = merge_overlapping(*read_detections(boxes, scores))[:, 4:].reshape(-1, 4, 2)
    places = picture.to_picture(points)
    return [region_of_person(each[HIPS], each[EDGE]) for each in places]


def _overlap(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of a box (4,) and other boxes (D, 4)."""
    width, height = np.minimum(box[2:], others[:, 2:]).T - np.maximum(box[:2], others[:, :2]).T
    shared = width.clip(0) * height.clip(0)
    union = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - shared
    overlap: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap
