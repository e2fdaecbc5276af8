"""Draw the joints that BlazePose has found over the frame in which it has found them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.pool import decode_all
from extract.poses.joint_names import JOINT_NAMES
from extract.poses.settings import PoseSettings

COLOURS = ("#56B4E9", "#E69F00")  # the first person and the others
HIDDEN = "#999999"  # a joint that is not in the picture or not seen, whose place is an estimate
VISIBLE = 0.5
_LIMBS = (
    *(("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "index"), ("wrist", "thumb"), ("shoulder", "hip")),
    *(("hip", "knee"), ("knee", "ankle"), ("ankle", "heel"), ("ankle", "foot_index")),
)
_SIDES = [(f"{side}_{start}", f"{side}_{end}") for side in ("left", "right") for start, end in _LIMBS]
_ACROSS = [(f"left_{part}", f"right_{part}") for part in ("shoulder", "hip")]
_FACE = [("left_ear", "left_eye"), ("left_eye", "nose"), ("nose", "right_eye"), ("right_eye", "right_ear")]
BONES = tuple(
    (JOINT_NAMES.index(start), JOINT_NAMES.index(end))
    for start, end in (*_SIDES, *_ACROSS, *_FACE, ("mouth_left", "mouth_right"))
)


def draw_poses(frame: NDArray[np.uint8], poses: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a frame with the joints of persons, which are connected as in a body.

    Args:
        frame: (H, W, 3) RGB.
        poses: (P, 33, 4), x and y in pixels of the frame, z, and visibility; NaN for a person who is not seen.
    """
    picture = Image.fromarray(frame)
    pen = ImageDraw.Draw(picture)
    width = max(1, round(max(frame.shape[:2]) / 160))
    for number, pose in enumerate(poses):
        if np.isnan(pose).any():
            continue
        colour = COLOURS[min(number, len(COLOURS) - 1)]
        hidden = pose[:, 3] < VISIBLE
        places = [tuple(place) for place in pose[:, :2].tolist()]
        for start, end in BONES:
            pen.line((places[start], places[end]), HIDDEN if hidden[start] or hidden[end] else colour, width)
        for (x, y), unseen in zip(places, hidden.tolist(), strict=True):
            pen.ellipse((x - width, y - width, x + width, y + width), HIDDEN if unseen else "white", colour)
    return np.asarray(picture, np.uint8)


def find_poses(tasks: Sequence[DecodeTask], settings: PoseSettings, deadline: float) -> dict[str, NDArray[np.float32]]:
    """Return the poses of every frame of clips, by clip id: (T, P, 33, 4) in pixels. Clips without poses are left out.

    Args:
        tasks: the clips, as they are decoded for their frames.
        settings: how the joints of their features were made.
        deadline: seconds without a new frame after which a clip is left out.
    """
    pixels = replace(settings, coordinates="image")
    wanted = [replace(task, num_segments=0, poses=pixels) for task in tasks if task.decoder != "skeleton"]
    found = decode_all(wanted, workers=1, deadline=deadline) if wanted else ()
    clips = dict(answer for answer in found if not isinstance(answer, Failure))
    return {name: np.asarray(clip.content, np.float32) for name, clip in clips.items()}
