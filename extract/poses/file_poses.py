"""The poses of one video for Python, made in a process of their own."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.config import parse_config
from common.errors import UserError
from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.pool import decode_all
from extract.poses.folder import PoseConfig, PoseMachine, pose_settings
from extract.poses.settings import Coordinates


def extract_poses(
    path: str | Path, *, model: str = "full", persons: int = 1, coordinates: Coordinates = "world"
) -> NDArray[np.float32]:
    """Return the joints of the persons in every frame of a video, by BlazePose.

    They are the bytes that `python -m extract poses` writes with the same settings. The video is decoded in a process
    of its own, so a damaged file cannot crash or block the caller.

    Args:
        path: a video, or a folder with its frames as images.
        model: "lite", "full" or "heavy".
        persons: P, the most persons in a frame.
        coordinates: "world", metres from the middle of the hips, or "image", pixels of the frame.

    Returns:
        (frames, P, 33, 4) float32: x, y, z and visibility; NaN for a person who is not seen in a frame.

    Raises:
        UserError: an argument is wrong, the model is missing, or the video cannot be read.
    """
    arguments = {"model": model, "persons": persons, "coordinates": coordinates}
    machine = PoseMachine()
    settings = pose_settings(parse_config(PoseConfig, arguments, "arguments of extract_poses"), machine)
    task = DecodeTask(str(path), str(path), 0, 0, "pyav", 0, poses=settings)
    (made,) = decode_all([task], workers=1, deadline=machine.deadline)
    if isinstance(made, Failure):
        raise UserError(f"{path} has no poses: {made.reason}")
    return np.asarray(made[1].content, np.float32)
