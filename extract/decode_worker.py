"""The process that decodes: reads one task a line on stdin, answers on stdout with a header line and the
content's bytes.

A process of its own, because a hung or crashed decoder can only be ended by killing it. It dies with the process
that started it. Started by `extract.pool`; nothing here knows of networks.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

from extract.clip import Clip, DecodeError
from extract.decode import decode_clip
from extract.skeletons.observe import decode_skeleton


def main() -> None:
    """Answer tasks until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: also when the parent is killed
    # Libraries that print must not print into the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError):
        for line in sys.stdin.buffer:
            _answer(json.loads(line), answers)


def _answer(task: dict[str, Any], answers: BinaryIO) -> None:
    clip: Clip | None = None
    try:
        clip = _decode(**task)
        header = {
            "shape": clip.content.shape,
            "dtype": clip.content.dtype.name,
            "segments": clip.segments.tolist(),
            "num_frames": clip.num_frames,
        }
    except DecodeError as error:
        header = {"reason": str(error)}
    except Exception as error:  # a clip must end in the ledger, not end the run
        header = {"reason": f"{type(error).__name__}: {error}"}
    answers.write(json.dumps(header).encode() + b"\n")
    if clip is not None:
        answers.write(clip.content.data.cast("B"))
    answers.flush()


def _decode(
    clip_id: str,
    path: str,
    segments: int,
    frames_per_segment: int,
    decoder: str,
    expected: int,
    legacy_sequence_actors: bool,
) -> Clip:
    """Decode a `DecodeTask` of either kind."""
    if decoder == "skeleton":
        return decode_skeleton(Path(path), segments, expected, legacy_sequence_actors)
    return decode_clip(Path(path), segments, frames_per_segment, decoder, expected)


if __name__ == "__main__":
    main()
