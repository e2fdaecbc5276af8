"""The poses of one video. A decode worker makes them, because a damaged file may crash or block a decoder."""

import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from extract.clip import Clip, DecodeError
from extract.decoding.decode import every_frame
from extract.poses.landmarks import JOINTS, Person
from extract.poses.networks import BlazePose
from extract.poses.settings import Coordinates, PoseSettings
from extract.poses.tracker import PoseNetworks, PoseTracker
from extract.skeletons.file_bytes import MAX_BYTES, MAX_FRAMES

VALUES = 4  # x, y, z and the visibility


def decode_poses(path: Path, settings: PoseSettings, decoder: str, expected: int, alive: Callable[[], None]) -> Clip:
    """Return the poses of a video as the content of a clip, (T, P, 33, 4) float32.

    Args:
        path: the video, or a folder with its frames as images.
        settings: the networks, and what is wanted of them.
        decoder: a name of `DECODERS`.
        expected: the number of frames in the manifest; 0: unknown.
        alive: is called at every frame.

    Raises:
        DecodeError: the video cannot be decoded, is too long for a skeleton file, or the networks cannot be loaded.
    """
    networks = _networks(settings.detector, settings.landmarks)
    frames = every_frame(path, decoder, expected, alive)
    most = min(MAX_FRAMES, MAX_BYTES // (settings.persons * JOINTS * VALUES * 4) - 1)  # the file has a header too
    rows = list(_limited(poses_of_frames(frames, networks, settings.persons, settings.coordinates), most))
    return Clip(np.stack(rows), np.zeros(0, np.int64), len(rows))


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
