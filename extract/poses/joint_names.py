"""The 33 joints of BlazePose, and the joint list of folders of poses."""

from extract.poses.settings import Coordinates

_HEAD = ["nose", *(f"{side}_eye{part}" for side in ("left", "right") for part in ("_inner", "", "_outer"))]
_HEAD += ["left_ear", "right_ear", "mouth_left", "mouth_right"]
_ARMS = [
    f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "pinky", "index", "thumb") for side in ("left", "right")
]
_LEGS = [f"{side}_{part}" for part in ("hip", "knee", "ankle", "heel", "foot_index") for side in ("left", "right")]
JOINT_NAMES = (*_HEAD, *_ARMS, *_LEGS)
CENTRE = "left_hip"
UNITS: dict[Coordinates, str] = {"world": "m", "image": "px"}


def joint_list_text(coordinates: Coordinates) -> str:
    """Return the content of `joints.toml` for poses in these coordinates."""
    names = ", ".join(f'"{name}"' for name in JOINT_NAMES)
    return f'# The joints of BlazePose.\nnames = [{names}]\ncentre = "{CENTRE}"\nunit = "{UNITS[coordinates]}"\n'
