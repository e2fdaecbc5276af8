"""The skeletons that come as MATLAB files: SYSU 3DHOI's `sklWorld.mat` and UTD-MHAD's `*_skeleton.mat`."""

from pathlib import Path

from extract.clip import DecodeError
from extract.skeletons.file_bytes import read_bytes
from extract.skeletons.mat5 import read_numbers, variables
from extract.skeletons.one_person import JOINTS, check_frames, one_person
from extract.skeletons.skeleton import Skeleton

VARIABLES = {"SW": "SYSU 3DHOI", "d_skel": "UTD-MHAD"}
CENTRES = {"SW": 1, "d_skel": 2}  # the middle of the spine


def read_matlab(path: Path) -> Skeleton:
    """Read the variable `SW` or `d_skel`: (20, 3, T), metres, in the camera's space.

    Returns:
        T frames of one person, 20 Kinect v1 joints, all tracked.

    Raises:
        DecodeError: no such file, not MATLAB version 5 to 7, damaged or cut; no such variable, or not of this shape;
            a coordinate that is not finite; all of them zero.
    """
    others = []
    for variable in variables(read_bytes(path)):
        if variable.name not in VARIABLES:
            others.append(variable.name)
            continue
        what = f"the variable {variable.name}"
        # MATLAB drops a last axis of one.
        shape = (*variable.shape, 1) if len(variable.shape) == 2 else variable.shape
        if len(shape) != 3 or shape[:2] != (JOINTS, 3):
            raise DecodeError(f"{what} has the shape {variable.shape}, not ({JOINTS}, 3, frames)")
        check_frames(shape[2], what)
        return one_person(read_numbers(variable).reshape(shape).transpose(2, 0, 1), what, CENTRES[variable.name])
    known = " or ".join(f"{name} ({where})" for name, where in VARIABLES.items())
    raise DecodeError(f"no variable {known} in it, but {', '.join(map(repr, others[:10])) or 'none'}")
