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

from evaluate.watch.events import shown_name
from evaluate.watch.feeder import FeedTask
from evaluate.watch.mailbox import Ended, FrameArrived, Mailbox, Message, Noticed, PictureArrived
from evaluate.watch.messages import read_message
from extract.decoding.decode_process import signal_name

KILL_SECONDS = 10.0  # how long to wait for the end of a process that was killed, or whose pipe has ended
SILENT_SECONDS = 60.0  # without a sign of life; `stall_seconds` is added, in which FFmpeg may wait for a stream
TICK = 0.5  # seconds


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
        self._listening, self._heard, self._silent, self._over = True, True, False, threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True, name=f"feeder of {shown_name(task.source)}")
        self._thread.start()
        self._limit = SILENT_SECONDS + task.stall_seconds
        self._guard = threading.Thread(target=self._watch_silence, daemon=True, name=f"guard of {self._thread.name}")
        self._guard.start()

    def close(self) -> None:
        """End the process."""
        self._mailbox.close()
        self._over.set()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_SECONDS)
            self._thread.join(KILL_SECONDS)
            assert self._process.stdout is not None
            self._process.stdout.close()

    def _receive(self) -> None:
        reason = "the process that reads it has closed its pipe"
        try:
            while (message := self._read()) is not None:
                if "alive" in message[0]:
                    continue
                self._mailbox.put(_received(*message))
                if "end" in message[0]:
                    return
        except (OSError, ValueError, TypeError, KeyError):  # of a pipe that breaks off within a message
            reason = "the process that reads it sent what is no message"
        finally:
            self._over.set()
        self._mailbox.put(Ended(self._how_it_ended() or reason))

    def _read(self) -> tuple[dict[str, Any], NDArray[np.uint8] | None] | None:
        """Return the next message. The guard knows that it is waited for."""
        assert self._process.stdout is not None
        self._listening = True
        message = read_message(self._process.stdout)
        self._listening, self._heard = False, True
        return message

    def _watch_silence(self) -> None:
        """End the process where nothing at all comes from it, as from one that is stopped or hangs in a decoder.

        Ticks are counted instead of a clock, because this process itself may be stopped for a while. Nothing is
        expected while a message waits for room in the mailbox.
        """
        silent = 0.0
        while not self._over.wait(TICK):
            silent = 0.0 if self._heard or not self._listening else silent + TICK
            self._heard = False
            if silent > self._limit:
                self._silent = True
                self._process.kill()
                return

    def _how_it_ended(self) -> str:
        """Return why the process has ended without saying so; "": it has not."""
        try:
            status = self._process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return ""
        if self._silent:
            return f"the process that reads it gave no sign of life for {self._limit:g} s"
        how = signal_name(-status) if status < 0 else f"exit status {status}"
        return f"the process that reads it crashed ({how})"


def _received(header: dict[str, Any], frame: NDArray[np.uint8] | None) -> Message:
    if frame is None:
        return Ended(header["reason"]) if "end" in header else Noticed(header["notice"])
    if "picture" in header:
        return PictureArrived(header["time"], frame)
    return FrameArrived(range(*header["places"]), header["time"], header["captured"], header["begins"], frame)
