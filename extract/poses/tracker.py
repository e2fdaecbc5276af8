"""Follow the persons through a video, frame by frame: who is seen in a frame depends on this frame and earlier ones.

A person who was found is looked for where the frame before says. Only while fewer persons are followed than asked
for, the detector looks at the whole frame. So does MediaPipe for one person. Every person has a number. Who was lost
and is found near the same place gets the same number again. Another person gets a number that nobody has had, or else
that of the person who was lost first.
"""

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from extract.poses import anchors, landmarks
from extract.poses.crop import crop
from extract.poses.detections import regions_of_persons
from extract.poses.landmarks import LandmarkOutput, Person, read_person
from extract.poses.region import Region, region_of_person, whole_picture
from extract.poses.smoothing import OneEuroFilter

LEAST_PRESENCE = 0.5
NEAR = 0.2  # of a region's side: a person who is detected so near to one who is followed is the same
SAME = 0.1  # of a region's side: two persons whose joints are so near in the mean are one
RETURNS = 0.5  # of a region's side: who is found so near to where a person was lost is that person
SMALLEST = 1.0  # pixels of a region's side


class PoseNetworks(Protocol):
    """The two networks."""

    def detect(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return boxes (2254, 12) and scores (2254,) for an image (224, 224, 3) of values from -1 to 1."""

    def locate(self, image: NDArray[np.float32]) -> LandmarkOutput:
        """Return the points of the person in an image (256, 256, 3) of values from 0 to 1."""


@dataclass
class _Track:
    """A person who is followed: where to look, the filter of the region, and the first frame."""

    region: Region
    since: int
    smooth: OneEuroFilter = field(default_factory=OneEuroFilter)


class PoseTracker:
    """Follows the persons of one video.

    Args:
        networks: the two networks.
        persons: P, the largest number of persons in a frame.
    """

    def __init__(self, networks: PoseNetworks, persons: int = 1) -> None:
        self._networks, self._persons = networks, persons
        self._tracks: dict[int, _Track] = {}
        self._lost: dict[int, tuple[int, Region]] = {}  # by number: the frame, and where the person was looked for
        self._frame = -1

    def __call__(self, frame: NDArray[np.uint8]) -> list[Person | None]:
        """Return the persons of the next frame (H, W, 3) RGB by their numbers, P; None: not seen."""
        self._frame += 1
        if len(self._tracks) < self._persons:
            self._add_persons(frame)
        found = {number: self._locate(frame, track.region) for number, track in self._tracks.items()}
        seen = self._without_twins({number: person for number, person in found.items() if person is not None})
        for number in [number for number in self._tracks if number not in seen]:
            self._lost[number] = (self._frame, self._tracks.pop(number).region)
        for number, person in seen.items():
            self._move(number, person)
        return [seen.get(number) for number in range(self._persons)]

    def _add_persons(self, frame: NDArray[np.uint8]) -> None:
        picture = whole_picture(*frame.shape[:2])
        image = crop(frame, picture, anchors.SIDE, zero_outside=True)
        for region in regions_of_persons(*self._networks.detect(image / 127.5 - 1), picture):
            if len(self._tracks) == self._persons:
                return
            followed = (track.region for track in self._tracks.values())
            if _usable(region) and not any(_distance(region, other) < NEAR * other.size for other in followed):
                self._tracks[self._number_for(region)] = _Track(region, self._frame)

    def _number_for(self, region: Region) -> int:
        """Return the number of a person who was just detected."""
        free = [number for number in range(self._persons) if number not in self._tracks]
        lost = {number: self._lost[number] for number in free if number in self._lost}
        nearest = min(lost, key=lambda number: _distance(region, lost[number][1]), default=None)
        if nearest is not None and _distance(region, lost[nearest][1]) < RETURNS * lost[nearest][1].size:
            return nearest
        unused = [number for number in free if number not in lost]
        return unused[0] if unused else min(lost, key=lambda number: lost[number][0])

    def _locate(self, frame: NDArray[np.uint8], region: Region) -> Person | None:
        output = self._networks.locate(crop(frame, region, landmarks.SIDE, zero_outside=False) / 255.0)
        return read_person(output, region) if output.presence > LEAST_PRESENCE else None

    def _without_twins(self, seen: dict[int, Person]) -> dict[int, Person]:
        """Return the persons without those whose joints are where those of a person followed for longer are."""
        kept: dict[int, Person] = {}
        for number in sorted(seen, key=lambda number: (self._tracks[number].since, number)):
            joints = seen[number].picture[:, :2]
            apart = (np.linalg.norm(joints - other.picture[:, :2], axis=1).mean() for other in kept.values())
            if all(distance >= SAME * self._tracks[number].region.size for distance in apart):
                kept[number] = seen[number]
        return kept

    def _move(self, number: int, person: Person) -> None:
        """Set where to look for a person in the next frame."""
        track = self._tracks[number]
        radius = float(np.linalg.norm(person.edge - person.hips))
        if radius > 0:
            hips, edge = track.smooth(np.stack([person.hips, person.edge]), 2 * radius)
            track.region = region_of_person(hips, edge)
        if radius <= 0 or not _usable(track.region):
            self._lost[number] = (self._frame, self._tracks.pop(number).region)


def _distance(region: Region, other: Region) -> float:
    return math.hypot(region.x - other.x, region.y - other.y)


def _usable(region: Region) -> bool:
    return all(map(math.isfinite, (region.x, region.y, region.angle))) and SMALLEST <= region.size < math.inf
