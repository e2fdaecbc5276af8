"""From a skeleton recording to the points that the features of its segments are made of, without later frames.

How points become images is in `extract.va_cnn.pictures`. Nothing here loads torch, so decode workers start fast.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from extract.clip import Clip, DecodeError
from extract.decoding.frame_count import refuse_cut
from extract.segments import SegmentTime, repeat_last, segment_bounds, timed_bounds, timed_count
from extract.skeletons.actors import choose_actors
from extract.skeletons.joint_list import JointList
from extract.skeletons.readers import read_skeleton
from extract.skeletons.skeleton import Skeleton

# What is observed at the end of a segment: all points so far, and the points of the segment alone.
ObservedPoints = tuple[NDArray[np.float32], NDArray[np.float32]]


def decode_skeleton(
    path: Path,
    num_segments: int,
    expected: int = 0,
    legacy_sequence_actors: bool = False,
    joint_list: JointList | None = None,
    time: SegmentTime | None = None,
) -> Clip:
    """Read a skeleton file and return the points of its segments.

    Args:
        path: a file in the format of any data set.
        num_segments: N.
        expected: the number of frames in the manifest; 0: unknown.
        legacy_sequence_actors: choose the actors from the whole recording, as the released code does. The features
            then depend on the future.
        joint_list: of the set of skeletons; None: it has none.
        time: the length of a segment, with the frame rate; None: the N segments share the length of the recording.

    Raises:
        DecodeError: the file is no whole skeleton file, or its frame rate is needed and not known.
    """
    skeleton = read_skeleton(path, joint_list)
    refuse_cut(len(skeleton.joints), expected, "the manifest gives")
    try:
        segment_frames = None if time is None else time.frames()
    except ValueError as error:
        raise DecodeError(str(error)) from error
    return clip_of_skeleton(skeleton, num_segments, segment_frames, legacy_sequence_actors)


def clip_of_skeleton(
    skeleton: Skeleton, num_segments: int, segment_frames: Fraction | None = None, legacy_sequence_actors: bool = False
) -> Clip:
    """Return the points of the segments of a recording.

    Args:
        skeleton: the recording.
        num_segments: N.
        segment_frames: how many frames a segment lasts; None: the N segments share the length of the recording.
        legacy_sequence_actors: see `decode_skeleton`.
    """
    num_frames, own = len(skeleton.joints), None
    if segment_frames is None:
        bounds = segment_bounds(num_frames, num_segments)
    else:
        own = timed_count(num_frames, segment_frames, num_segments)
        bounds = timed_bounds(num_frames, segment_frames, own)
    points, stretches = pack_points(observed_within(skeleton, bounds, legacy_sequence_actors))
    return Clip(points, repeat_last(stretches, num_segments), num_frames, skeleton.centre, num_segments=own)


def observed_points(
    skeleton: Skeleton, num_segments: int, legacy_sequence_actors: bool = False
) -> list[ObservedPoints]:
    """Return what `observed_within` returns for the N segments that share the length of a recording."""
    bounds = segment_bounds(len(skeleton.joints), num_segments)
    return observed_within(skeleton, bounds, legacy_sequence_actors)


def observed_within(
    skeleton: Skeleton, bounds: NDArray[np.int64], legacy_sequence_actors: bool = False
) -> list[ObservedPoints]:
    """Return what has been observed at the end of each segment: all points so far, and those of the segment alone.

    The origin is the middle of the main actor's spine in the first frame in which that actor is seen. This is the VA
    repository's translation of whole sequences, which needs only that frame. Frames in which nobody is seen are left
    out, and so are actors who are seen in no frame of a stretch (VA repository, data_cnn.py). A segment in which
    nobody is seen has the last frame before it, or one frame at the origin if nobody has been seen yet.

    Args:
        skeleton: the recording.
        bounds: (segments, 2), the first and last-plus-one frame of each segment.
        legacy_sequence_actors: see `decode_skeleton`.

    Returns:
        For each segment two stretches of frames, (frames, actors, joints, 3) float32, with one or two actors.
    """
    num_frames = len(skeleton.joints)
    return [
        observed_segment(skeleton, start, end, num_frames if legacy_sequence_actors else end)
        for start, end in bounds.tolist()
    ]


def observed_segment(skeleton: Skeleton, start: int, end: int, chosen_from: int) -> ObservedPoints:
    """Return what has been observed at the end of the segment of frames [start, end), as `observed_points` does.

    Args:
        skeleton: the recording, at least up to the segment's end.
        start: the first frame of the segment.
        end: the frame after its last one.
        chosen_from: the actors are chosen from so many frames.
    """
    tracks = choose_actors(skeleton, chosen_from)
    tracks = tracks - _origin(tracks, skeleton.centre)
    so_far, alone = _stretch(tracks[:end]), _stretch(tracks[start:end])
    if not len(so_far):
        so_far = np.zeros((1, 1, skeleton.joints.shape[2], 3), np.float32)  # nobody has been seen
    return so_far, alone if len(alone) else so_far[-1:]


def pack_points(observed: Sequence[ObservedPoints]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Join what `observed_points` returns into one array; points that several stretches share are stored once.

    Returns:
        The content and the segments of a `Clip`: points (P, 3), and (N, 2, 4) for each segment and its beginning.
    """
    pieces: list[NDArray[np.float32]] = []
    total = 0

    def add(piece: NDArray[np.float32]) -> int:
        nonlocal total
        pieces.append(piece.reshape(-1, 3))
        total += len(pieces[-1])
        return total - len(pieces[-1])

    stretches = []
    kept, kept_at = None, 0
    for so_far, alone in reversed(observed):
        if kept is None or not _same(kept[: len(so_far)], so_far):
            kept, kept_at = so_far, add(so_far)
        before = len(so_far) - len(alone)
        alone_at = kept_at + before * so_far[0].size // 3 if _same(so_far[before:], alone) else add(alone)
        stretches.append([(alone_at, *_size(alone)), (kept_at, *_size(so_far))])
    return np.concatenate(pieces), np.array(stretches[::-1], np.int64)


def _same(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    return a.shape == b.shape and np.array_equal(a, b)


def _size(stretch: NDArray[np.float32]) -> tuple[int, int, int]:
    return len(stretch), stretch.shape[2], stretch.shape[1]


def _origin(tracks: NDArray[np.float32], centre: int) -> NDArray[np.float32]:
    main = tracks[:, 0, centre]  # (T, 3)
    seen = main[~np.isnan(main[:, 0])]
    return seen[0] if len(seen) else np.zeros(3, np.float32)


def _stretch(tracks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (T, 2, J, 3) without the frames and actors that are never seen; the remaining NaN become zeros."""
    seen = ~np.isnan(tracks[:, :, 0, 0])
    return np.nan_to_num(tracks[seen.any(axis=1)][:, seen.any(axis=0)])
