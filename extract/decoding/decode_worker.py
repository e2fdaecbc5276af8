"""The decode worker, a process that decodes: it reads tasks from stdin and answers on stdout, in lines of JSON.

`{"alive": "decode"}` is a sign of life, with the current stage. The last line of an answer describes the clip in the
shared buffer, or says why there is none. Decoding has a process of its own because a decoder that hangs or crashes
can only be ended by a kill. The worker dies with its parent, whose side is `extract.decoding.decode_process`.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from extract.clip import Clip, DecodeError
from extract.decoding.decode import decode_clip
from extract.decoding.shared_buffer import SharedBuffer
from extract.networks.geometry import Geometry
from extract.poses.settings import PoseSettings
from extract.segments import SegmentTime
from extract.skeletons.joint_list import JointList
from extract.skeletons.segment_points import decode_skeleton
from extract.sources.fetch import FetchError, Scratch
from extract.sources.location import is_url
from manifests.pieces import Piece

ALIVE_SECONDS = 1.0  # the least time between two signs of life


def main(parent: int, buffer: SharedBuffer) -> None:
    """Answer tasks until stdin ends."""
    # Schedulers send these signals to every process of a job. Only the parent reacts to them.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: die with the parent, even if it is killed
    if os.getppid() != parent:  # the parent died before that took effect
        return
    # What libraries print must not get into the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError), contextlib.closing(Scratch()) as scratch:
        for line in sys.stdin.buffer:
            _write(answers, _answer(json.loads(line), answers, buffer, scratch))


def _answer(task: dict[str, Any], answers: BinaryIO, buffer: SharedBuffer, scratch: Scratch) -> dict[str, Any]:
    try:
        clip = _decode(answers, scratch, **task)
    except FetchError as error:
        return {"stage": "fetch", "reason": str(error)}
    except DecodeError as error:
        return {"stage": "decode", "reason": str(error)}
    except BrokenPipeError:
        raise
    except Exception as error:  # any error fails the clip, never the run
        return {"stage": "decode", "reason": f"{type(error).__name__}: {error}"}
    content = np.ascontiguousarray(clip.content)
    buffer.first(content.nbytes)[:] = content.view(np.uint8).reshape(-1)
    return {
        "shape": content.shape,
        "dtype": content.dtype.name,
        "segments": clip.segments.tolist(),
        "num_frames": clip.num_frames,
        "centre": clip.centre,
        "resized": clip.resized,
        "num_segments": clip.num_segments,
    }


def _decode(
    answers: BinaryIO,
    scratch: Scratch,
    clip_id: str,
    path: str,
    num_segments: int,
    frames_per_segment: int,
    decoder: str,
    expected: int,
    legacy_sequence_actors: bool,
    offset: int,
    size: int,
    name: str,
    joint_list: dict[str, Any] | None,
    geometry: dict[str, Any] | None,
    segment_time: dict[str, Any] | None,
    poses: dict[str, Any] | None,
    piece: list[int] | None,
) -> Clip:
    """Decode the fields of a `DecodeTask`, of a video or a skeleton; the file is fetched first if it is not local."""
    with contextlib.ExitStack() as stack:
        file = Path(path)
        if offset or is_url(path):
            alive = _signs_of_life(answers, "fetch")
            file = stack.enter_context(scratch.fetched(path, offset, size, name or path, alive))
        alive = _signs_of_life(answers, "decode")
        length = SegmentTime(**segment_time) if segment_time else None
        part = Piece(*piece) if piece else None
        if decoder == "skeleton":
            if part is not None:
                raise DecodeError("a skeleton file has no times, so a piece of it cannot be cut; cut the file")
            joints = JointList(**joint_list) if joint_list else None
            return decode_skeleton(file, num_segments, expected, legacy_sequence_actors, joints, length)
        if poses:
            from extract.poses.video import decode_poses  # late: few workers need it

            settings = PoseSettings(**poses)
            return decode_poses(file, settings, num_segments, decoder, expected, alive, length, part)
        wanted = Geometry(**geometry) if geometry else None
        return decode_clip(file, num_segments, frames_per_segment, decoder, expected, alive, wanted, length, part)


def _signs_of_life(answers: BinaryIO, stage: str) -> Callable[[], None]:
    """Return a function that is called at every step of a stage and sends a sign of life, if the last one is old."""
    last = -ALIVE_SECONDS

    def alive() -> None:
        nonlocal last
        if time.monotonic() - last >= ALIVE_SECONDS:
            last = time.monotonic()
            _write(answers, {"alive": stage})

    alive()
    return alive


def _write(answers: BinaryIO, line: dict[str, Any]) -> None:
    answers.write(json.dumps(line).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), SharedBuffer(int(sys.argv[2])))
