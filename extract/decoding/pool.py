"""Decode many clips in worker processes: a bounded queue ahead of the network, a deadline for every sign of life.

A worker that gives none or dies is killed, its clip fails with the reason, and a new worker takes its place. A clip
may be of any length. They come back in the order they finish. Nothing here knows of networks or of the cache.
"""

import contextlib
import json
import math
import os
import queue
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from extract.clip import Clip
from extract.decoding.shared_buffer import SharedBuffer
from extract.sources.fetch import sweep

# A decoder does not send itself these: its process was ended, its clip need not be at fault.
FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
KILL_SECONDS = 10.0  # after which a killed process is left to itself
POLL_SECONDS = 0.1  # how late a stop may be noticed


@dataclass(frozen=True)
class DecodeTask:
    """One clip to decode.

    Attributes:
        clip_id: its name.
        path: local path or URL of the video or the skeleton file, or of the archive that it is in.
        num_segments: N.
        frames_per_segment: F, of videos.
        decoder: for videos one of `extract.decoding.decoders.DECODERS`, "skeleton" for skeletons.
        expected: number of frames the manifest gives; 0: unknown.
        legacy_sequence_actors: of skeletons; see `extract.skeletons.segment_points`.
        offset: where the file begins in its archive; 0: it is in none.
        size: its bytes there.
        name: what it is called there.
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


@dataclass(frozen=True)
class Failure:
    """Why a clip has no features: the stage it failed at, and the reason in words."""

    clip_id: str
    stage: str
    reason: str


def decode_all(
    tasks: Iterable[DecodeTask],
    *,
    workers: int,
    deadline: float,
    ahead: int = 2,
    stop: threading.Event | None = None,
) -> Iterator[tuple[str, Clip] | Failure]:
    """Decode clips in `workers` processes and yield each as it is ready.

    Args:
        tasks: the clips; taken one at a time, as workers come free.
        workers: number of processes.
        deadline: seconds without a sign of life after which a decoder is killed.
        ahead: how many decoded clips may wait for the consumer; with one more in each worker, this bounds memory.
        stop: once it is set, the clips end at once as if there were no more tasks.
    """
    pending = iter(tasks)
    turn = threading.Lock()
    ready: queue.Queue[tuple[str, Clip] | Failure | BaseException | None] = queue.Queue(maxsize=ahead)
    ended = threading.Event()

    def put(item: tuple[str, Clip] | Failure | BaseException | None) -> None:
        while not ended.is_set():
            try:
                return ready.put(item, timeout=POLL_SECONDS)
            except queue.Full:
                continue

    def serve() -> None:
        try:
            with _Worker(ended) as worker:
                while not ended.is_set():
                    with turn:
                        task = next(pending, None)
                    if task is None:
                        break
                    put(worker.decode(task, deadline))
        except BaseException as error:  # handed to the consumer, which raises it
            put(error)
        put(None)

    threads = [threading.Thread(target=serve, name=f"decode-{n}", daemon=True) for n in range(workers)]
    for thread in threads:
        thread.start()
    try:
        running = workers
        while running and not (stop and stop.is_set()):
            try:
                item = ready.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        sweep()


def signal_name(number: int) -> str:
    """Return what a signal is called; real-time signals have numbers only."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class _Worker:
    """One decode process, started when first needed and again after each kill."""

    def __init__(self, ended: threading.Event) -> None:
        self.ended = ended
        self.process: subprocess.Popen[bytes] | None = None
        self.buffer = SharedBuffer()
        self.stage = "decode"

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *exception: object) -> None:
        self._kill()
        self.buffer.close()

    def decode(self, task: DecodeTask, deadline: float, attempt: int = 1) -> tuple[str, Clip] | Failure:
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
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
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
            content = shared.view(dtype).reshape(shape).copy()  # the buffer is for the next clip
            segments = np.array(answer["segments"], dtype=np.int64)
            return clip_id, Clip(content, segments, answer["num_frames"], answer["centre"])

    def _read(self, deadline: float) -> bytes:
        """Return what the worker has written, after waiting for it as long as the deadline allows."""
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
        """End the process; return its exit status, negative of a signal."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.kill()
        try:
            status = self.process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:  # in the kernel, on a disk that is gone; it may wake and write the buffer yet
            status, self.buffer = -signal.SIGKILL, SharedBuffer()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close() if pipe else None
        self.process = None
        return status
