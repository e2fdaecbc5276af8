"""Small images of a clip at some progress levels, embedded into the page: frames of a video or drawn skeletons.

The decode workers of `extract` read the files, because a reader may hang or crash on a damaged file. A clip without
images has a reason instead.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.files import inside
from evaluate.report.draw_poses import BONES as BLAZEPOSE_BONES
from evaluate.report.draw_poses import draw_poses, find_poses
from extract.clip import Clip
from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.pool import decode_all
from extract.poses.joint_names import CENTRE, JOINT_NAMES
from extract.poses.settings import PoseSettings
from extract.segments import frame_indices
from extract.skeletons.joint_list import JointList
from extract.skeletons.joint_list_file import find_joint_list
from extract.skeletons.readers import is_skeleton_file
from manifests.pieces import Piece

WIDEST = 160  # pixels of an image's longer side
QUALITY = 70  # of JPEG
FRAMES = 4  # decoded in a segment; the last of them, near its end, is shown
DEADLINE = 60.0  # seconds without progress after which the worker is stopped
DRAWN, MARGIN = (80, 130), 8  # width and height of a drawn skeleton's view box, and its empty margin

# Joints that are connected, by number of joints and middle of the spine: three data sets, three orders.
_KINECT_1_ARMS = ((4, 5), (5, 6), (6, 7), (8, 9), (9, 10), (10, 11))
_KINECT_1_LEGS = ((12, 13), (13, 14), (14, 15), (16, 17), (17, 18), (18, 19))
_KINECT_1_TRUNK = ((0, 1), (1, 2), (2, 3), (2, 4), (2, 8), (0, 12), (0, 16))  # SYSU, stick figures: hip first
_UTD_TRUNK = ((0, 1), (1, 2), (2, 3), (1, 4), (1, 8), (3, 12), (3, 16))  # UTD-MHAD: head first
_KINECT_2 = (
    *((0, 1), (1, 20), (20, 2), (2, 3), (20, 4), (4, 5), (5, 6), (6, 7), (20, 8), (8, 9), (9, 10), (10, 11)),
    *((0, 12), (12, 13), (13, 14), (14, 15), (0, 16), (16, 17), (17, 18), (18, 19)),
    *((7, 21), (7, 22), (11, 23), (11, 24)),
)
BONES: dict[tuple[int, int | None], tuple[tuple[int, int], ...]] = {
    (20, 1): (*_KINECT_1_TRUNK, *_KINECT_1_ARMS, *_KINECT_1_LEGS),
    (20, 2): (*_UTD_TRUNK, *_KINECT_1_ARMS, *_KINECT_1_LEGS),
    (25, 1): _KINECT_2,
    (len(JOINT_NAMES), JOINT_NAMES.index(CENTRE)): BLAZEPOSE_BONES,
}


@dataclass(frozen=True)
class KeyFrames:
    """Images of one clip as `data:` addresses, one per level; or no image and the reason."""

    pictures: tuple[str, ...]
    reason: str = ""


def key_frames(
    paths: Mapping[str, str],
    videos: Path,
    num_segments: int,
    levels: Sequence[int],
    pieces: Mapping[str, Piece] | None = None,
    poses: PoseSettings | None = None,
) -> dict[str, KeyFrames]:
    """Return the images of clips.

    Args:
        paths: clip id → path of its file, relative to `videos`.
        videos: the folder of the data set's files.
        num_segments: N.
        levels: progress levels, from 1 to N.
        pieces: clip id → the part of its file; None: clips are whole files.
        poses: see `file_key_frames`.

    Raises:
        UserError: a path is outside `videos`, or the joint list of the skeletons is not valid.
    """
    files = {clip: inside(videos, path) for clip, path in paths.items()}
    joint_list = find_joint_list(str(videos), paths.values())
    there = {clip: str(file) for clip, file in files.items() if file.exists()}
    absent = KeyFrames((), "its file is not in the folder of videos")
    return {
        **dict.fromkeys(files.keys() - there.keys(), absent),
        **file_key_frames(there, num_segments, levels, joint_list, pieces, poses),
    }


def file_key_frames(
    files: Mapping[str, str],
    num_segments: int,
    levels: Sequence[int],
    joint_list: JointList | None,
    pieces: Mapping[str, Piece] | None = None,
    poses: PoseSettings | None = None,
) -> dict[str, KeyFrames]:
    """Return the images of recordings, or the reasons why they have none, by their names.

    Args:
        files: by name, a local path or a URL.
        num_segments: N.
        levels: progress levels, from 1 to N.
        joint_list: of skeletons; None: they have none.
        pieces: by name, the part of the recording that is shown; None: all of it.
        poses: how joints are found in videos; they are drawn over the frames. None: they are not.
    """
    parts = {name: piece for name, piece in (pieces or {}).items() if not piece.is_whole}
    found: dict[str, KeyFrames] = {}
    decoders = {name: "skeleton" if is_skeleton_file(path) else "pyav" for name, path in files.items()}
    tasks = [
        DecodeTask(name, path, num_segments, FRAMES, decoders[name], 0, joint_list=joint_list, piece=parts.get(name))
        for name, path in files.items()
    ]
    joints = find_poses(tasks, poses, DEADLINE) if poses else {}
    for answer in decode_all(tasks, workers=1, deadline=DEADLINE) if tasks else ():
        if isinstance(answer, Failure):
            kind = "skeleton" if decoders[answer.clip_id] == "skeleton" else "video"
            found[answer.clip_id] = KeyFrames((), f"its {kind} cannot be shown: {answer.reason}")
            continue
        clip, content = answer
        if decoders[clip] == "skeleton":
            pictures = _drawn(content, levels, joint_list)
        else:
            pictures = _shown(content, levels, joints.get(clip))
        found[clip] = KeyFrames(pictures)
    return found


def draw_skeletons(people: Sequence[NDArray[np.floating]], centre: int | None) -> list[str]:
    """Return drawings of people at some moments as SVG, all at the same scale, seen from the front.

    Args:
        people: for each moment (actors, joints, 3) metres, y up; an actor whose joints are all 0 is not drawn.
        centre: index of the joint at the middle of the spine; None: the order of the joints is the user's own, and
            which of them are connected is unknown.
    """
    seen = [[actor for actor in moment if actor.any()] for moment in people]
    every = np.concatenate([actor[:, :2] for moment in seen for actor in moment] or [np.zeros((1, 2))])
    low, high = every.min(axis=0), every.max(axis=0)
    size = np.array(DRAWN) - 2 * MARGIN
    scale = float((size / np.maximum(high - low, 1e-6)).min())
    middle, centred = (low + high) / 2, np.array(DRAWN) / 2
    return [_draw([centred + (actor[:, :2] - middle) * (scale, -scale) for actor in moment], centre) for moment in seen]


def _shown(video: Clip, levels: Sequence[int], poses: NDArray[np.float32] | None) -> tuple[str, ...]:
    frames = [video.content[video.segments[level - 1, -1]] for level in levels]
    if poses is not None:
        numbers = frame_indices(video.num_frames, len(video.segments), FRAMES)[:, -1]
        frames = [draw_poses(frame, poses[numbers[level - 1]]) for frame, level in zip(frames, levels, strict=True)]
    return tuple(_address("image/jpeg", _jpeg(frame)) for frame in frames)


def _drawn(skeleton: Clip, levels: Sequence[int], joint_list: JointList | None) -> tuple[str, ...]:
    """Return drawings of the last moment of each level's segment."""
    of_blazepose = joint_list is not None and joint_list.names == JOINT_NAMES
    upwards = (1, -1 if of_blazepose else 1, 1)
    moments = []
    for first, frames, joints, actors in skeleton.segments[[level - 1 for level in levels], 0].tolist():
        points = skeleton.content[first : first + frames * joints * actors]
        moments.append(points.reshape(frames, actors, joints, 3)[-1] * upwards)
    centre = skeleton.centre if joint_list is None or of_blazepose else None
    return tuple(_address("image/svg+xml", svg.encode()) for svg in draw_skeletons(moments, centre))


def _draw(actors: Sequence[NDArray[np.floating]], centre: int | None) -> str:
    width, height = DRAWN
    colours = ("#0072B2", "#D55E00")  # the main actor and the second one
    shapes = []
    for points, colour in zip(actors, colours, strict=False):
        bones = "".join(
            f"M{points[a, 0]:.1f} {points[a, 1]:.1f}L{points[b, 0]:.1f} {points[b, 1]:.1f}"
            for a, b in BONES.get((len(points), centre), ())
        )
        dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points)
        shapes.append(f'<path d="{bones}" stroke="{colour}" stroke-width="2"/>')
        shapes.append(f'<path d="{dots}" stroke="{colour}" stroke-width="4"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'fill="none" stroke-linecap="round">{"".join(shapes)}</svg>'
    )


def _jpeg(frame: NDArray[np.uint8]) -> bytes:
    picture = Image.fromarray(frame)
    picture.thumbnail((WIDEST, WIDEST))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=QUALITY)
    return content.getvalue()


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
