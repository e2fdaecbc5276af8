"""From an array with the 20 Kinect v1 joints of one person to a skeleton, with checks of the array."""

import numpy as np
from numpy.typing import NDArray

from extract.clip import DecodeError
from extract.skeletons.file_bytes import MAX_FRAMES
from extract.skeletons.skeleton import Skeleton

JOINTS = 20
TRACKED = 2


def check_frames(num_frames: int, what: str) -> None:
    """Refuse a number of frames that no recording has, before memory is taken for it.

    Raises:
        DecodeError: the number is zero or negative, or above MAX_FRAMES.
    """
    if not 0 < num_frames <= MAX_FRAMES:
        raise DecodeError(f"{what} has {num_frames} frames")


def one_person(points: NDArray[np.float32] | NDArray[np.float64], what: str, centre: int) -> Skeleton:
    """Make the skeleton of a file that has one person and no tracking states.

    Args:
        points: (T, 20, 3), metres.
        what: what error messages call the points.
        centre: the number of the joint in the middle of the spine.

    Returns:
        The skeleton. The person is not seen in frames whose coordinates are all exactly zero.

    Raises:
        DecodeError: a coordinate is not finite, with its frame, or nobody is seen in any frame.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # such values become infinite or NaN, which is refused next
        joints = points.astype(np.float32)
    broken = np.argwhere(~np.isfinite(joints))
    if len(broken):
        frame = int(broken[0, 0])
        raise DecodeError(f"{what} has a coordinate that is not finite in frame {frame + 1} of {len(joints)}")
    seen = np.any(joints, axis=(1, 2))
    if not seen.any():
        raise DecodeError(f"{what} has nobody in any frame: all coordinates are zero")
    joints[~seen] = np.nan
    tracking = np.where(seen[:, None], TRACKED, 0).repeat(JOINTS, axis=1).astype(np.uint8)
    return Skeleton(joints[:, None], tracking[:, None], ("",), centre)
