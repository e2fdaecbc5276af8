"""From coordinates in a general format to a skeleton: who is seen, which unit, and the checks of every value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extract.clip import DecodeError
from extract.skeletons.file_bytes import MAX_FRAMES
from extract.skeletons.joint_list import SCALES, JointList
from extract.skeletons.skeleton import Skeleton

TRACKED = 2
MAX_PERSONS = 64
MAX_POINTS = 12_500_000  # frames times persons times joints: 150 MB as float32


@dataclass(frozen=True)
class Coordinates:
    """The content of a file.

    Attributes:
        points: (T, persons, J, 2 or 3), of any type of real numbers.
        persons: their names; "" where the file has none.
        what: what sentences call the points.
        first_frame: the number of the first frame in sentences.
    """

    points: NDArray[Any]
    persons: Sequence[str]
    what: str
    first_frame: int = 1


def check_size(num_frames: int, num_persons: int, num_joints: int, what: str) -> None:
    """Refuse a size that no recording has, before memory is taken for it.

    Raises:
        DecodeError: there are no frames or no persons, or too many frames, persons or points.
    """
    if not 0 < num_frames <= MAX_FRAMES:
        raise DecodeError(f"{what} has {num_frames} frames; a clip has 1 to {MAX_FRAMES}")
    if not 0 < num_persons <= MAX_PERSONS:
        raise DecodeError(f"{what} has {num_persons} persons; a clip has 1 to {MAX_PERSONS}")
    if num_frames * num_persons * num_joints > MAX_POINTS:
        raise DecodeError(f"{what} has {num_frames * num_persons * num_joints} points; the limit is {MAX_POINTS}")


def make_skeleton(coordinates: Coordinates, joint_list: JointList) -> Skeleton:
    """Make the skeleton of a recording.

    A person is not seen in a frame in which all of this person's coordinates are NaN, or all are zero if the joint
    list says so. Points in a plane get z = 0. Persons who are never seen are left out.

    Returns:
        The persons in the order in which they are first seen, metres (or pixels), all joints tracked.

    Raises:
        DecodeError: a coordinate is infinite or too large, some coordinates of a person who is seen are NaN, or
            nobody is seen in any frame.
    """
    joints = _as_float32(coordinates.points, SCALES[joint_list.unit])
    _refuse(np.isinf(joints), coordinates, joint_list, "is infinite or too large for float32")
    missing = np.isnan(joints)
    unseen: NDArray[np.bool_] = np.asarray(missing.all(axis=(2, 3)))
    remedy = (
        "is missing, and others of this person are there; estimate it from earlier frames, or leave the person out of "
        "this frame (all NaN)"
    )
    _refuse(missing & ~unseen[:, :, None, None], coordinates, joint_list, remedy)
    if joint_list.zeros_mean_unseen:
        unseen |= ~joints.any(axis=(2, 3))
    if unseen.all():
        zeros = " or zero" if joint_list.zeros_mean_unseen else ""
        raise DecodeError(f"{coordinates.what} has nobody in any frame: all coordinates are NaN{zeros}")
    joints[unseen] = np.nan
    order = np.argsort(np.argmin(unseen, axis=0), kind="stable")
    order = order[~unseen[:, order].all(axis=0)]
    if joints.shape[3] == 2:
        joints = np.concatenate([joints, 0 * joints[..., :1]], axis=3)  # NaN where a person is not seen
    tracking = np.where(unseen[:, :, None], 0, TRACKED).repeat(joints.shape[2], axis=2).astype(np.uint8)
    names = tuple(coordinates.persons[person] for person in order.tolist())
    return Skeleton(joints[:, order], tracking[:, order], names, joint_list.centre)


def _as_float32(points: NDArray[Any], scale: float) -> NDArray[np.float32]:
    """Return a copy of the points in metres."""
    with np.errstate(over="ignore", invalid="ignore"):  # such values become infinite or NaN, which is refused next
        if scale != 1:
            return (points.astype(np.float64) * scale).astype(np.float32)
        return points.astype(np.float32)


def _refuse(wrong: NDArray[np.bool_], coordinates: Coordinates, joint_list: JointList, reason: str) -> None:
    """Raise for the first coordinate that is wrong; `wrong` is (T, persons, J, 2 or 3)."""
    if not wrong.any():
        return
    frame, person, joint, axis = np.argwhere(wrong)[0].tolist()
    who = coordinates.persons[person] or str(person + 1)
    where = f"in frame {frame + coordinates.first_frame} of {coordinates.what}, person {who}"
    raise DecodeError(f"{where}: {'xyz'[axis]} of joint {joint_list.names[joint]!r} {reason}")
