"""Decode many clips in worker processes: a bounded queue ahead of the network, a deadline for every clip.

A worker that misses its deadline or dies is killed, its clip fails with the reason, and a new worker takes its
place. Clips come back in the order they finish. Nothing here knows of networks or of the cache.
"""

import contextlib
import json
import os
import queue
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from extract.clip import Clip


@dataclass(frozen=True)
class DecodeTask:
    """One clip to decode.

    Attributes:
        clip_id: its name.
        path: of the video or the skeleton file.
        segments: N.
        frames_per_segment: F, of videos.
        decoder: for videos "pyav" or "decord", "skeleton" for skeletons.
        expected: number of frames the manifest gives; 0: unknown.
        legacy_sequence_actors: of skeletons; see `extract.skeletons.observe`.
    """

    clip_id: str
    path: str
    segments: int
    frames_per_segment: int
    decoder: str
    expected: int
    legacy_sequence_actors: bool = False


@dataclass(frozen=True)
class Failure:
    """Why a clip has no features: the stage it failed at, and the reason in words."""

    clip_id: str
    stage: str
    reason: str


def decode_all(
    tasks: Iterable[DecodeTask], *, workers: int, deadline: float, ahead: int = 2
) -> Iterator[tuple[str, Clip] | Failure]:
    """Decode clips in `workers` processes and yield each as it is ready.

    Args:
        tasks: the clips; taken one at a time, as workers come free.
        workers: number of processes.
        deadline: seconds a clip may take before its decoder is killed.
        ahead: how many decoded clips may wait for the consumer; with one more in each worker, this bounds memory.
    """
    pending = iter(tasks)
    turn = threading.Lock()
    ready: queue.Queue[tuple[str, Clip] | Failure | BaseException | None] = queue.Queue(maxsize=ahead)
    stop = threading.Event()

    def put(item: tuple[str, Clip] | Failure | BaseException | None) -> None:
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def serve() -> None:
        try:
            with _Worker(stop) as worker:
                while not stop.is_set():
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
        while running:
            item = ready.get()
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class _Worker:
    """One decode process, started when first needed and again after each kill."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *exception: object) -> None:
        self._kill()

    def decode(self, task: DecodeTask, deadline: float) -> tuple[str, Clip] | Failure:
        try:
            process = self._running()
            assert process.stdin is not None
            process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            process.stdin.flush()
            return self._read_answer(task.clip_id, time.monotonic() + deadline)
        except TimeoutError:
            self._kill()
            return Failure(task.clip_id, "decode", f"the decoder hung: killed after {deadline:g} s")
        except (EOFError, BrokenPipeError):
            status = self._kill()
            return Failure(task.clip_id, "decode", f"the decoder crashed (exit status {status})")

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "extract.decode_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pipesize=1 << 20 if sys.platform == "linux" else -1,  # a clip is some 20 MB
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        return self.process

    def _read_answer(self, clip_id: str, until: float) -> tuple[str, Clip] | Failure:
        received = bytearray()
        while b"\n" not in received:
            received += self._read(1 << 16, until)
        line, _, rest = received.partition(b"\n")
        header = json.loads(line)
        if "reason" in header:
            return Failure(clip_id, "decode", header["reason"])
        content = np.empty(header["shape"], dtype=header["dtype"])
        filled, view = len(rest), content.data.cast("B")
        view[:filled] = rest
        while filled < len(view):
            piece = self._read(len(view) - filled, until)
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        return clip_id, Clip(content, np.array(header["segments"], dtype=np.int64), header["num_frames"])

    def _read(self, size: int, until: float) -> bytes:
        assert self.process is not None and self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not selector.select(0.1):
                if self.stop.is_set():
                    raise EOFError
                if time.monotonic() > until:
                    raise TimeoutError
        piece = os.read(self.process.stdout.fileno(), min(size, 1 << 20))
        if not piece:
            raise EOFError
        return piece

    def _kill(self) -> int | None:
        if self.process is None:
            return None
        self.process.kill() if self.process.poll() is None else None
        status = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close() if pipe else None
        self.process = None
        return status
