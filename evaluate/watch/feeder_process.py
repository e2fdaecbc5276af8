"""A feeder as its parent sees it: a process for one source, and a thread that puts its messages into a mailbox.

The side of the process is `evaluate.watch.feeder`.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.watch.feeder import FeedTask
from evaluate.watch.mailbox import Ended, FrameArrived, Mailbox, Message, Noticed, PictureArrived
from evaluate.watch.messages import read_message

KILL_SECONDS = 10.0  # how long to wait for the end of a process that was killed


class FeederProcess:
    """Reads one source until it ends or `close` is called.

    Args:
        task: what is read.
        mailbox: gets the messages; the last one is `Ended`.
    """

    def __init__(self, task: FeedTask, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "evaluate.watch.feeder", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # FFmpeg's own messages; what matters is in ours
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                "OPENBLAS_NUM_THREADS": "1",  # a feeder uses one core
            },
        )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            self._process.stdin.close()
        self._thread = threading.Thread(target=self._receive, daemon=True, name=f"feeder of {task.source}")
        self._thread.start()

    def close(self) -> None:
        """End the process."""
        self._mailbox.close()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_SECONDS)
            self._thread.join(KILL_SECONDS)
            assert self._process.stdout is not None
            self._process.stdout.close()

    def _receive(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(OSError, ValueError):  # of a pipe that breaks off within a message
            while (message := read_message(self._process.stdout)) is not None:
                self._mailbox.put(_received(*message))
                if "end" in message[0]:
                    return
        self._mailbox.put(Ended(f"the process that reads it crashed (exit status {self._process.wait()})"))


def _received(header: dict[str, Any], frame: NDArray[np.uint8] | None) -> Message:
    if frame is None:
        return Ended(header["reason"]) if "end" in header else Noticed(header["notice"])
    if "picture" in header:
        return PictureArrived(header["time"], frame)
    return FrameArrived(range(*header["places"]), header["time"], header["captured"], header["begins"], frame)
