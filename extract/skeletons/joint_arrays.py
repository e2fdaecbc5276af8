"""Skeletons of any joints as NumPy files: an array (T, J, 3) of one person, or (T, persons, J, 3).

The generated stick figures have this format. Poses of videos have a fourth value for each joint, its visibility.
"""

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from extract.clip import DecodeError
from extract.skeletons.file_bytes import read_bytes
from extract.skeletons.general import Coordinates, check_size, make_skeleton
from extract.skeletons.joint_list import JointList, joint_list_for
from extract.skeletons.skeleton import Skeleton

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
WHAT = "the array"


def read_joint_array(path: Path, joint_list: JointList | None = None) -> Skeleton:
    """Read a `.npy` file: (T, J, 3) or (T, persons, J, 3), or with 2 or 4 for 3, floats or integers of any size.

    Of four values the last one is a confidence, which is not used: all joints with coordinates count alike.

    Args:
        path: the file.
        joint_list: of the set; None: the joints are the 20 of Kinect v1 or the 25 of Kinect v2.

    Raises:
        DecodeError: the file does not exist, is no `.npy` file, has another type or shape, or is damaged or cut; or
            the joints do not fit (`joint_list_for`), or a value does not (`make_skeleton`).
    """
    content = read_bytes(path)
    file = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old headers and damaged ones
            shape, by_columns, dtype = HEADERS[npy.read_magic(file)](file)
    except Exception as error:  # a damaged header, which is Python code, may fail in any way
        raise DecodeError(f"not a NumPy file: {str(error)[:100]!r}") from error
    _check(shape, dtype)
    chosen = joint_list_for(shape[-2], joint_list, WHAT)
    promised, size = int(np.prod(shape, dtype=object)) * dtype.itemsize, len(content) - file.tell()
    if promised != size:
        raise DecodeError(f"cut, or with something behind: its header promises {promised} bytes, {size} follow")
    # np.load would read the header again, and warn about it.
    points = np.frombuffer(content, dtype, offset=file.tell()).reshape(shape, order="F" if by_columns else "C")
    if points.ndim == 3:
        points = points[:, None]
    points = points[..., :3]
    return make_skeleton(Coordinates(points, [""] * points.shape[1], WHAT), chosen)


def _check(shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse a type or a shape that is not of this format."""
    if dtype.kind not in "fiu":
        reason = "Python objects are not read" if dtype.hasobject else "not real numbers"
        raise DecodeError(f"an array of {dtype}: {reason}; save floats or integers")
    if len(shape) not in (3, 4) or shape[-1] not in (2, 3, 4):
        raise DecodeError(f"an array of shape {shape}, not (frames, joints, 3) or (frames, persons, joints, 3)")
    num_persons = shape[1] if len(shape) == 4 else 1
    if shape[0] in (2, 3) and shape[-1] == 2 and shape[0] < num_persons:
        raise DecodeError(
            f"an array of shape {shape}, which looks like (coordinates, frames, joints, persons); save "
            "array.transpose(1, 3, 2, 0), which is (frames, persons, joints, coordinates)"
        )
    check_size(shape[0], num_persons, shape[-2], WHAT)
