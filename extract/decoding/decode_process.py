"""One decode worker as its parent sees it: it gets a task, gives a clip or a failure, and is killed if it hangs.

The worker's side is `extract.decoding.decode_worker`. How many workers decode the clips of a run is in
`extract.decoding.pool`.
"""

import contextlib
import json
import math
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass

import numpy as np

from extract.clip import Clip
from extract.decoding.shared_buffer import SharedBuffer
from extract.networks.geometry import Geometry
from extract.poses.settings import PoseSettings
from extract.segments import SegmentTime
from extract.skeletons.joint_list import JointList
from manifests.pieces import Piece

# A decoder does not send these signals to itself. They come from outside, so the clip need not be the cause.
FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
KILL_SECONDS = 10.0  # how long to wait for the end of a process that was killed
POLL_SECONDS = 0.1  # how late a stop may be noticed


@dataclass(frozen=True)
class DecodeTask:
    """One clip to decode.

    Attributes:
        clip_id: the clip's name.
        path: local path or URL of the video or skeleton file, or of the archive that contains it.
        num_segments: N.
        frames_per_segment: F, for videos.
        decoder: for videos a name of `extract.decoding.decoders.DECODERS`, for skeletons "skeleton".
        expected: the number of frames in the manifest; 0: unknown.
        legacy_sequence_actors: for skeletons; see `extract.skeletons.segment_points`.
        offset: where the file begins in its archive; 0: it is in no archive.
        size: the file's bytes in the archive.
        name: the file's name in the archive.
        joint_list: for skeletons in a general format; None: the set has none.
        geometry: the size that the frames of a video get; None: their own.
        segment_time: the length of a segment; None: the N segments share the length of the clip.
        poses: how the joints of the persons in a video are made; with N = 0 the clip has those of every frame, and
            no segments. None: they are not wanted.
        piece: the part of the recording that is the clip; None: all of it.
    """

    clip_id: str
    path: str
    num_segments: int
    frames_per_segment: int
    decoder: str
    expected: int
    legacy_sequence_actors: bool = False
    offset: int = 0
    size: int = 0
    name: str = ""
    joint_list: JointList | None = None
    geometry: Geometry | None = None
    segment_time: SegmentTime | None = None
    poses: PoseSettings | None = None
    piece: Piece | None = None


@dataclass(frozen=True)
class Failure:
    """Why a clip has no features: the stage that failed, and the reason in words."""

    clip_id: str
    stage: str
    reason: str


def signal_name(number: int) -> str:
    """Return the name of a signal; real-time signals have only a number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class DecodeProcess:
    """A decode worker, started when it is first needed and again after each kill.

    Args:
        ended: when it is set, waiting for the worker ends at once.
    """

    def __init__(self, ended: threading.Event) -> None:
        self.ended = ended
        self.process: subprocess.Popen[bytes] | None = None
        self.buffer = SharedBuffer()
        self.stage = "decode"

    def __enter__(self) -> "DecodeProcess":
        return self

    def __exit__(self, *exception: object) -> None:
        self._kill()
        self.buffer.close()

    def decode(self, task: DecodeTask, deadline: float, attempt: int = 1) -> tuple[str, Clip] | Failure:
        """Return the clip of a task, or why there is none.

        Args:
            task: what to decode.
            deadline: seconds without a sign of life after which the worker is killed.
            attempt: the worker may have been killed from outside, so the first such failure is tried again.
        """
        self.stage = "decode"
        try:
            process = self._running()
            assert process.stdin is not None
            process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            process.stdin.flush()
            return self._read_answer(task.clip_id, deadline)
        except TimeoutError:
            self._kill()
            who = "decoder" if self.stage == "decode" else self.stage
            return Failure(task.clip_id, self.stage, f"the {who} hung: killed after {deadline:g} s without progress")
        except (EOFError, BrokenPipeError):
            status = self._kill()
            if -status in FROM_OUTSIDE and attempt == 1 and not self.ended.is_set():
                return self.decode(task, deadline, attempt=2)
            how = f"exit status {status}" if status >= 0 else signal_name(-status)
            return Failure(task.clip_id, self.stage, f"the decoder crashed ({how})")

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            descriptor = self.buffer.descriptor
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "extract.decoding.decode_worker", str(os.getpid()), str(descriptor)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=[descriptor],
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                    "OPENBLAS_NUM_THREADS": "1",  # each decode worker uses one core
                },
            )
        return self.process

    def _read_answer(self, clip_id: str, deadline: float) -> tuple[str, Clip] | Failure:
        received = b""
        while True:
            while b"\n" not in received:
                received += self._read(deadline)
            line, _, received = received.partition(b"\n")
            answer = json.loads(line)
            if "alive" in answer:
                self.stage = answer["alive"]
                continue
            if "reason" in answer:
                return Failure(clip_id, answer["stage"], answer["reason"])
            dtype, shape = np.dtype(answer["dtype"]), tuple(answer["shape"])
            shared = self.buffer.first(dtype.itemsize * math.prod(shape))
            content = shared.view(dtype).reshape(shape).copy()  # the next clip is written into the buffer
            segments = np.array(answer["segments"], dtype=np.int64)
            fields = {name: answer[name] for name in ("num_frames", "centre", "resized", "num_segments")}
            return clip_id, Clip(content, segments, **fields)

    def _read(self, deadline: float) -> bytes:
        """Wait until the worker has written something, at most as long as the deadline allows, and return it."""
        assert self.process is not None and self.process.stdout is not None
        until = time.monotonic() + deadline
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not selector.select(POLL_SECONDS):
                if self.ended.is_set():
                    raise EOFError
                if time.monotonic() > until:
                    raise TimeoutError
        piece = os.read(self.process.stdout.fileno(), 1 << 16)
        if not piece:
            raise EOFError
        return piece

    def _kill(self) -> int:
        """End the process; return its exit status, which is negative if a signal ended it."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.kill()
        try:
            status = self.process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            # It waits in the kernel for a disk that is gone. It may still write to the buffer later, so the next
            # process gets another one.
            status, self.buffer = -signal.SIGKILL, SharedBuffer()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close() if pipe else None
        self.process = None
        return status
