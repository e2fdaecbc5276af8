"""The joint list of a set of skeletons: which joints its files have, in which order. Decode workers get it with a task.

`joint_list_file` reads it from `joints.toml`. Only the general formats need it; files of NTU RGB+D, SYSU 3DHOI and
UTD-MHAD say themselves which joints they have.
"""

import difflib
from dataclasses import dataclass
from typing import Literal

from extract.clip import DecodeError

Unit = Literal["m", "cm", "mm", "px"]
SCALES: dict[Unit, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001, "px": 1.0}  # pixels have no length: they stay
FILE_NAME = "joints.toml"
KINECT_CENTRES = {20: 1, 25: 1}  # number of joints of Kinect v1 and v2 → the middle of the spine


@dataclass(frozen=True)
class JointList:
    """The joints of all skeletons of a set.

    Attributes:
        names: one a joint, in the order of the files.
        centre: the number of the joint that becomes the origin, the middle of the body.
        unit: of the coordinates in the files.
        zeros_mean_unseen: a person is not seen in a frame in which all coordinates are exactly zero.
    """

    names: tuple[str, ...]
    centre: int
    unit: Unit = "m"
    zeros_mean_unseen: bool = True


def joint_list_for(num_joints: int, joint_list: JointList | None, what: str) -> JointList:
    """Return the joint list for a file with a number of joints; without a list, that of Kinect v1 or v2.

    Args:
        num_joints: in the file.
        joint_list: of the set; None: it has none.
        what: the content of the file, for sentences.

    Raises:
        DecodeError: the set's list has another number of joints, or there is no list, and none is known.
    """
    if joint_list is not None:
        if num_joints != len(joint_list.names):
            raise DecodeError(f"{what} has {num_joints} joints, and {FILE_NAME} has {len(joint_list.names)} names")
        return joint_list
    if num_joints in KINECT_CENTRES:
        return JointList(tuple(map(str, range(num_joints))), KINECT_CENTRES[num_joints])
    raise DecodeError(
        f"{what} has {num_joints} joints; without a joint list only 20 (Kinect v1) and 25 (Kinect v2) are known. "
        f"Write {FILE_NAME} into the folder of all skeletons, with two lines like: "
        'names = ["hip", "spine", "head"] (every joint, in the order of the files) and: centre = "spine"'
    )


def nearest(name: str, names: tuple[str, ...]) -> str:
    """Return a hint about a name that is unknown: the nearest name, or the first ones."""
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"the names are {', '.join(names[:10])}{' …' * (len(names) > 10)}"
