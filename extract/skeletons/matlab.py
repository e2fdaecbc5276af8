"""Skeletons in MATLAB files: SYSU 3DHOI's `sklWorld.mat` and UTD-MHAD's `*_skeleton.mat`.

SciPy reads them, and has crashed on damaged files. So only decode workers import this module: if a worker dies, its
clip fails and another worker is started.
"""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat, whosmat
from scipy.io.matlab import matfile_version

from extract.clip import DecodeError
from extract.skeletons.file_bytes import read_bytes
from extract.skeletons.memory_limit import limit_memory
from extract.skeletons.one_person import JOINTS, check_frames, one_person
from extract.skeletons.skeleton import Skeleton

VARIABLES = {"SW": "SYSU 3DHOI", "d_skel": "UTD-MHAD"}
CENTRES = {"SW": 1, "d_skel": 2}  # the middle of the spine
# The memory that reading may take, in bytes. The longest recording that is accepted has 48 MB. SciPy unpacks 128 KiB
# of a file at a time, even to read the name of a variable, and these can become 135 MB.
MAX_MEMORY = 512 << 20


def read_matlab(path: Path) -> Skeleton:
    """Read the variable `SW` or `d_skel`: (20, 3, T), metres, in the camera's space.

    Returns:
        T frames of one person, 20 Kinect v1 joints, all tracked.

    Raises:
        DecodeError: the file does not exist, is not of MATLAB version 5 to 7, is damaged or cut, or unpacks to more
            than MAX_MEMORY; it has no such variable, or one of another shape; a coordinate is not finite, or all are
            zero.
    """
    file: Any = io.BytesIO(read_bytes(path))  # Any, because SciPy's type hints allow only paths
    _check_version(file)
    try:
        with limit_memory(MAX_MEMORY), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a variable that cannot be read, which `_load` detects
            name, shape = _find(file)
            points = _load(file, name).reshape(shape)
    except DecodeError:
        raise
    except MemoryError as error:
        raise DecodeError(f"damaged: it unpacks to more than {MAX_MEMORY >> 20} MiB") from error
    except Exception as error:  # SciPy raises errors of many types for damaged files
        raise DecodeError(f"damaged: {type(error).__name__}: {error}") from error
    return one_person(points.transpose(2, 0, 1), f"the variable {name}", CENTRES[name])


def _check_version(file: Any) -> None:
    try:
        major = 2 if file.read(4) == b"\x89HDF" else matfile_version(file)[0]
    except Exception as error:  # SciPy raises errors of many types for other files
        raise DecodeError(f"not a MATLAB file: {error}") from error
    if major == 2:
        raise DecodeError("a MATLAB 7.3 file (HDF5): save it in MATLAB with '-v7'")
    if major == 0:
        raise DecodeError("not a MATLAB file, or of version 4, which has no arrays of three axes: save it with '-v7'")


def _find(file: Any) -> tuple[str, tuple[int, int, int]]:
    """Return the name and the shape (20, 3, T) of the skeleton's variable, without reading its values."""
    variables = whosmat(file)
    for name, found, kind in variables:
        if name not in VARIABLES:
            continue
        what = f"the variable {name}"
        shape = (*found, 1) if len(found) == 2 else found  # MATLAB drops a last axis of one
        if len(shape) != 3 or shape[:2] != (JOINTS, 3):
            raise DecodeError(f"{what} has the shape {found}, not ({JOINTS}, 3, frames)")
        check_frames(shape[2], what)
        if kind not in ("double", "single"):
            raise DecodeError(f"{what} is not an array of real numbers, but {kind}")
        return name, (JOINTS, 3, shape[2])
    known = " or ".join(f"{name} ({where})" for name, where in VARIABLES.items())
    others = ", ".join(repr(name) for name, _, _ in variables[:10])
    raise DecodeError(f"no variable {known} in it, but {others or 'none'}")


def _load(file: Any, name: str) -> NDArray[np.float64]:
    values = loadmat(file, variable_names=[name])[name]
    if isinstance(values, str):  # SciPy gives the reason instead of a variable that it cannot read
        raise DecodeError(f"the variable {name} is damaged: {values}")
    if values.dtype.kind not in "fiu":  # MATLAB stores whole numbers in smaller types
        raise DecodeError(f"the variable {name} is not an array of real numbers")
    return np.asarray(values, np.float64)
