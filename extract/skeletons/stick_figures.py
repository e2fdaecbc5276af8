"""The joints of the generated stick figures: a NumPy file with an array (T, 20, 3) float32."""

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from extract.clip import DecodeError
from extract.skeletons.file_bytes import read_bytes
from extract.skeletons.one_person import JOINTS, check_frames, one_person
from extract.skeletons.skeleton import Skeleton

CENTRE = 1  # the middle of the spine
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_stick_figures(path: Path) -> Skeleton:
    """Read a `.npy` file: (T, 20, 3) float32, metres.

    Returns:
        T frames of one person, 20 Kinect v1 joints, all tracked.

    Raises:
        DecodeError: the file does not exist, is no `.npy` file, has another type or shape, or is damaged or cut; a
            coordinate is not finite, or all are zero.
    """
    content = read_bytes(path)
    file = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old headers and damaged ones
            shape, by_columns, dtype = HEADERS[npy.read_magic(file)](file)
    except Exception as error:  # a damaged header, which is Python code, may fail in any way
        raise DecodeError(f"not a NumPy file: {str(error)[:100]!r}") from error
    if dtype != np.float32 or shape[1:] != (JOINTS, 3):
        raise DecodeError(f"an array of {dtype} of shape {shape}, not float32 of (frames, {JOINTS}, 3)")
    check_frames(shape[0], "the array")
    promised, size = shape[0] * JOINTS * 3 * dtype.itemsize, len(content) - file.tell()
    if promised != size:
        raise DecodeError(f"cut, or with something behind: its header promises {promised} bytes, {size} follow")
    # np.load would read the header again, and warn about it.
    points = np.frombuffer(content, np.float32, offset=file.tell())
    return one_person(points.reshape(shape, order="F" if by_columns else "C"), "the array", CENTRE)
