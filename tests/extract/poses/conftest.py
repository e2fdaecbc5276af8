"""Stand-ins for the two networks, which see a person as a square of one colour."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from extract.poses.anchors import anchor_centres
from extract.poses.landmarks import LandmarkOutput

SIZE = (120, 160)
JOINTS = np.random.default_rng(0).uniform(-0.2, 0.2, (39, 3))


class ColouredSquares:
    """Finds the red, the green and the blue square of a picture; `looks` counts the calls of the detector."""

    def __init__(self) -> None:
        self.looks = 0

    def detect(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.looks += 1
        boxes, scores = np.zeros((2254, 12), np.float32), np.full(2254, -200, np.float32)
        for colour, place in enumerate(centres(image > 0)):
            if place is not None:
                anchor = 10 + colour
                x, y = place - anchor_centres()[anchor]
                boxes[anchor] = 224 * np.array([x, y, 0.1, 0.3, x, y, x, y - 0.2, x, y, x, y])
                scores[anchor] = 3 - colour  # red is found first
        return boxes, scores

    def locate(self, image: NDArray[np.float32]) -> LandmarkOutput:
        places = [place for place in centres(image > 0.5) if place is not None]
        place = min(places, key=lambda each: float(np.hypot(*(each - 0.5))), default=np.full(2, 9.0))
        points = np.zeros((39, 5), np.float32)
        points[:, :3] = 256 * (np.array([*place, 0.0]) + JOINTS)
        points[33:35, :2] = 256 * (place + np.array([[0, 0], [0, -0.4]]))
        seen = np.hypot(*(place - 0.5)) < 0.3
        return LandmarkOutput(points, float(seen), np.full((64, 64, 39), -9, np.float32), JOINTS.astype(np.float32))


def centres(masks: NDArray[np.bool_]) -> list[NDArray[np.float64] | None]:
    """The middle of each colour's pixels (H, W, 3), from 0 to 1."""
    places = [np.argwhere(masks[..., colour]) for colour in range(3)]
    return [each.mean(axis=0)[::-1] / len(masks) if len(each) else None for each in places]


def draw(persons: Sequence[tuple[int, float, float]]) -> NDArray[np.uint8]:
    """A frame with squares: colour, x and y of each."""
    frame = np.zeros((*SIZE, 3), np.uint8)
    for colour, x, y in persons:
        frame[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5, colour] = 255
    return frame


@pytest.fixture
def networks() -> ColouredSquares:
    return ColouredSquares()
