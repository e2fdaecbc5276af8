"""From the output of the landmark network to the joints of a person, in the picture and in the world.

Source: MediaPipe, `tensors_to_pose_landmarks_and_segmentation.pbtxt`, `pose_landmarks_inverse_projection` and their
calculators.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extract.poses.region import Region

SIDE = 256  # pixels of the network's square input
JOINTS = 33
HIPS, EDGE = 33, 34  # the two auxiliary points that give the next region
REACH = 4  # cells of a heat map around a point, to each side
LEAST_CONFIDENCE = 0.5  # of the best of these cells


@dataclass(frozen=True)
class LandmarkOutput:
    """What the network gives for a region.

    Attributes:
        points: (39, 5), x, y and z in pixels of its input, and visibility and presence before the sigmoid.
        presence: whether there is a person, from 0 to 1.
        heat: (64, 64, 39), a heat map of each point, before the sigmoid.
        world: (39, 3), metres from the middle of the hips, turned as the region.
    """

    points: NDArray[np.float32]
    presence: float
    heat: NDArray[np.float32]
    world: NDArray[np.float32]


@dataclass(frozen=True)
class Person:
    """A person in a frame.

    Attributes:
        picture: (33, 3), x and y in pixels of the frame, and z in the same unit, smaller where nearer to the camera,
            zero near the middle of the hips.
        world: (33, 3), metres from the middle of the hips: x to the right of the picture, y down, z away from the
            camera.
        visibility: (33,), how certain it is that the joint is in the picture and not hidden, from 0 to 1.
        hips: (2,), pixels: the centre of the circle around the person.
        edge: (2,), pixels: a point of the circle.
    """

    picture: NDArray[np.float64]
    world: NDArray[np.float64]
    visibility: NDArray[np.float64]
    hips: NDArray[np.float64]
    edge: NDArray[np.float64]


def read_person(output: LandmarkOutput, region: Region) -> Person:
    """Return the person in a region of a frame."""
    places = refine(output.points[:, :2].astype(np.float64) / SIDE, output.heat)
    picture = region.to_picture(places)
    depth = output.points[:JOINTS, 2:3].astype(np.float64) / SIDE * region.size
    world = output.world[:JOINTS].astype(np.float64)
    turned = np.concatenate([world[:, :2] @ region.rotation.T, world[:, 2:]], axis=1)
    visibility = _sigmoid(output.points[:JOINTS, 3])
    return Person(np.concatenate([picture[:JOINTS], depth], axis=1), turned, visibility, picture[HIPS], picture[EDGE])


def refine(places: NDArray[np.float64], heat: NDArray[np.float32]) -> NDArray[np.float64]:
    """Move each point to the mean of the heat map around it, where the heat map is certain.

    Args:
        places: (P, 2), x and y from 0 to 1.
        heat: (H, W, P), before the sigmoid.

    Returns:
        (P, 2).
    """
    height, width, _ = heat.shape
    refined = places.copy()
    for point, (x, y) in enumerate(places.tolist()):
        column, row = int(x * width), int(y * height)
        if not (0 <= column < width and 0 <= row < height):
            continue
        left, top = max(column - REACH, 0), max(row - REACH, 0)
        around = _sigmoid(heat[top : row + REACH + 1, left : column + REACH + 1, point])
        if around.max() < LEAST_CONFIDENCE:
            continue
        down, across = around.sum(axis=1), around.sum(axis=0)
        refined[point, 0] = (across @ np.arange(left, left + len(across))) / across.sum() / width
        refined[point, 1] = (down @ np.arange(top, top + len(down))) / down.sum() / height
    return refined


def _sigmoid(values: NDArray[np.float32]) -> NDArray[np.float64]:
    wide: NDArray[np.float64] = 1 / (1 + np.exp(-values.astype(np.float64).clip(-100, 100)))
    return wide
