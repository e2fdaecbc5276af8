"""The poses of one video. A decode worker makes them, because a damaged file may crash or block a decoder."""

import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from extract.clip import Clip, DecodeError
from extract.decoding.decode import every_frame, segment_frames
from extract.poses.joint_names import CENTRE, JOINT_NAMES
from extract.poses.landmarks import JOINTS, Person
from extract.poses.networks import BlazePose
from extract.poses.settings import Coordinates, PoseSettings
from extract.poses.tracker import PoseNetworks, PoseTracker
from extract.segments import SegmentTime
from extract.skeletons.file_bytes import MAX_BYTES, MAX_FRAMES
from extract.skeletons.general import TRACKED
from extract.skeletons.segment_points import clip_of_skeleton
from extract.skeletons.skeleton import Skeleton
from manifests.pieces import Piece

VALUES = 4  # x, y, z and the visibility


def decode_poses(
    path: Path,
    settings: PoseSettings,
    num_segments: int,
    decoder: str,
    expected: int,
    alive: Callable[[], None],
    time: SegmentTime | None = None,
    piece: Piece | None = None,
) -> Clip:
    """Make the poses of a video; return the points of its segments, as `decode_skeleton` does for a skeleton file.

    A segment in which nobody is seen has the last pose before it, or one frame of zeros if nobody has been seen yet.

    Args:
        path: the video, or a folder with its frames as images.
        settings: the networks, and what is wanted of them.
        num_segments: N. With 0 the content of the clip is the poses themselves, (T, P, 33, 4) float32.
        decoder: a name of `DECODERS`.
        expected: the number of frames in the manifest; 0: unknown.
        alive: is called at every frame.
        time: the length of a segment; None: the N segments share the length of the clip.
        piece: the part of the file that is the clip; None: all of it.

    Raises:
        DecodeError: the video cannot be decoded, is too long for a skeleton file, or the networks cannot be loaded.
    """
    networks = _networks(settings.detector, settings.landmarks)
    length = None if time is None else segment_frames(path, time)
    frames = every_frame(path, decoder, expected, alive, piece)
    most = min(MAX_FRAMES, MAX_BYTES // (settings.persons * JOINTS * VALUES * 4) - 1)  # the file has a header too
    rows = list(_limited(poses_of_frames(frames, networks, settings.persons, settings.coordinates), most))
    if num_segments == 0:
        return Clip(np.stack(rows), np.zeros(0, np.int64), len(rows))
    return clip_of_skeleton(_skeleton(np.stack(rows)), num_segments, length)


def _skeleton(poses: NDArray[np.float32]) -> Skeleton:
    """Return the skeleton of poses (T, P, 33, 4)."""
    joints = poses[..., :3]
    tracking = np.where(np.isnan(joints[..., 0]), 0, TRACKED).astype(np.uint8)
    return Skeleton(joints, tracking, ("",) * joints.shape[1], JOINT_NAMES.index(CENTRE))


def poses_of_frames(
    frames: Iterable[NDArray[np.uint8]], networks: PoseNetworks, persons: int, coordinates: Coordinates
) -> Iterator[NDArray[np.float32]]:
    """Yield the poses of each frame, before the next frame is asked for.

    Args:
        frames: (H, W, 3) RGB, all of one size.
        networks: the two networks.
        persons: P.
        coordinates: "world" or "image".

    Yields:
        (P, 33, 4) float32: x, y, z and visibility; NaN for a person who is not seen.
    """
    tracker = PoseTracker(networks, persons)
    for frame in frames:
        yield np.stack([_values(person, coordinates) for person in tracker(frame)])


def _values(person: Person | None, coordinates: Coordinates) -> NDArray[np.float32]:
    if person is None:
        return np.full((JOINTS, VALUES), np.nan, np.float32)
    points = person.world if coordinates == "world" else person.picture
    return np.concatenate([points, person.visibility[:, None]], axis=1).astype(np.float32)


def _limited(rows: Iterator[NDArray[np.float32]], most: int) -> Iterator[NDArray[np.float32]]:
    for count, row in enumerate(rows):
        if count == most:
            raise DecodeError(f"it has more than {most} frames, which is too long for a skeleton file; cut it")
        yield row


@functools.lru_cache(maxsize=1)
def _networks(detector: str, landmarks: str) -> BlazePose:
    return BlazePose(Path(detector), Path(landmarks))
