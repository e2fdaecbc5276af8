"""What a decode worker is told about poses."""

from dataclasses import dataclass
from typing import Literal

Coordinates = Literal["world", "image"]


@dataclass(frozen=True)
class PoseSettings:
    """How the poses of a video are made.

    Attributes:
        detector: the file of the person detector.
        landmarks: the file of the landmark network.
        persons: P, the largest number of persons in a frame.
        coordinates: "world" for metres from the middle of the hips, "image" for pixels of the frame.
    """

    detector: str
    landmarks: str
    persons: int
    coordinates: Coordinates
