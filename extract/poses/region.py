"""A square of a picture, turned as a person stands, and how places in it become places in the picture and back."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MARGIN = 1.25  # of the circle around a person


@dataclass(frozen=True)
class Region:
    """A square of a picture, in pixels; x points to the right and y down.

    Attributes:
        x: of the centre.
        y: of the centre.
        size: length of a side.
        angle: radians by which the square is turned clockwise: 0 for a person who stands upright.
    """

    x: float
    y: float
    size: float
    angle: float = 0.0

    @property
    def rotation(self) -> NDArray[np.float64]:
        """(2, 2): turns a vector of the square into one of the picture."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])

    def to_picture(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the places (..., 2) in the picture, in pixels, of places in the square, from 0 to 1."""
        return (points - 0.5) * self.size @ self.rotation.T + (self.x, self.y)

    def from_picture(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the places (..., 2) in the square, from 0 to 1, of places in the picture, in pixels."""
        return (points - (self.x, self.y)) @ self.rotation / self.size + 0.5


def whole_picture(height: int, width: int) -> Region:
    """Return the smallest square around a picture; it reaches over the picture's longer sides."""
    return Region(width / 2, height / 2, float(max(height, width)))


def region_of_person(hips: NDArray[np.float64], edge: NDArray[np.float64]) -> Region:
    """Return the region of a person from two key points in pixels.

    Args:
        hips: (2,), the middle of the hips, the centre of a circle around the person.
        edge: (2,), the point of the circle that is above the person's head.

    Source: MediaPipe, AlignmentPointsRectsCalculator and RectTransformationCalculator.
    """
    x, y = (edge - hips).tolist()
    angle = math.pi / 2 - math.atan2(-y, x)
    angle -= 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))  # from -π to π
    return Region(float(hips[0]), float(hips[1]), 2 * MARGIN * math.hypot(x, y), angle)
