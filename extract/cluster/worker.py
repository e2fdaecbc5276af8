"""A worker as a child process. It is started again when it is killed, and it ends when its parent is killed.

It is `run --shard -`: it reads the numbers of its shards from a pipe, so it loads torch and its network once.

The engines that start processes by themselves use it, `local` and `ray_queue`.
"""

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from common.errors import UserError
from extract.cluster.submission import Submission

ATTEMPTS = 3  # at a shard whose worker is killed
MOST_ERRORS = 3  # after so many workers with an error, no more are started: the cause is not in the shards
NORMAL_ENDS = (0, 3)  # exit statuses: done; done, with failed clips in the ledger

# The kernel sends SIGTERM when the parent dies, also after `exec`. If the parent has died already, nothing is started.
SHIM = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True)
class End:
    """How a shard's worker ended.

    Attributes:
        shard: its number.
        status: exit status; negative: the signal that killed it.
        words: the last line that it wrote.
    """

    shard: int
    status: int
    words: str


class Worker:
    """A process that takes one shard after the other. It is started when it is given a shard and none runs.

    Its log, `jobs/NAME.log`, has a line `shard I/N` before the lines of each shard.

    Args:
        submission: the run.
        name: of its log in the folder of jobs, without the suffix.
        environment: variables that it gets beside those of this process.

    Attributes:
        shard: the number of the shard that it works on; None: it has nothing to do.
    """

    def __init__(self, submission: Submission, name: str, environment: dict[str, str] | None = None) -> None:
        self.submission = submission
        self.shard: int | None = None
        self.log = submission.jobs / f"{name}.log"
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._attempts, self._stopped, self._answer, self._log_start = 0, False, b"", 0

    def give(self, shard: int) -> None:
        """Let it work on a shard.

        Raises:
            UserError: it cannot be started.
        """
        self.shard, self._attempts = shard, 0
        self._begin()

    def poll(self) -> End | None:
        """Return how its shard ended, if it has. A process that was killed is started again with the same shard."""
        process, shard = self._process, self.shard
        if process is None or shard is None:
            return None
        status = process.poll()  # before the pipe is read, which then has all that the process wrote
        with contextlib.suppress(BlockingIOError):
            self._answer += os.read(_pipe(process.stdout), 4096)
        if self._answer.endswith(b"\n"):
            end = End(shard, int(self._answer.split()[-1]), "")
        elif status is None:
            return None
        elif status < 0 and not self._stopped and self._attempts < ATTEMPTS:
            self._begin()
            return None
        else:
            end = End(shard, status, _last_line(self.log, self._log_start))
        self.shard = None
        return end

    def end(self) -> None:
        """Ask it to finish its clip and to end. Without a shard it ends at once."""
        self._stopped = True
        if self._process is not None:
            _file(self._process.stdin).close()
            if self.shard is not None:
                self._process.terminate()

    def wait(self) -> None:
        """Wait until it has ended. If waiting is interrupted, it is killed."""
        if self._process is None:
            return
        try:
            self._process.wait()
        except BaseException:
            self._process.kill()
            raise
        finally:
            _close(self._process)

    def _begin(self) -> None:
        self._attempts += 1
        self._answer = b""
        name = f"{self.shard}/{self.submission.num_shards}"
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as log:
                log.write(f"shard {name}\n".encode())
                self._log_start = log.tell()
            if self._process is not None and self._process.poll() is not None:
                _close(self._process)
                self._process = None
            if self._process is None:
                self._process = self._start()
        except OSError as error:
            raise UserError(f"cannot start a worker with its log {self.log}: {error.strerror or error}") from error
        with contextlib.suppress(OSError):  # it has just ended, and `poll` finds that
            os.write(_pipe(self._process.stdin), f"{name}\n".encode())

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", SHIM, str(os.getpid()), *self.submission.command(), "--shard", "-"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                stderr=log,
                env=self._environment,
                start_new_session=True,  # Ctrl-C on the terminal reaches the parent only
            )
        os.set_blocking(_pipe(process.stdout), False)
        return process


def _file(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _close(process: "subprocess.Popen[bytes]") -> None:
    _file(process.stdin).close()
    _file(process.stdout).close()


def _pipe(pipe: IO[bytes] | None) -> int:
    return _file(pipe).fileno()


def raise_errors(ends: list[End], submission: Submission) -> None:
    """Raise the last words of the workers that ended with an error.

    Raises:
        UserError: there is such a worker.
    """
    bad = [end for end in ends if end.status not in NORMAL_ENDS]
    if bad:
        words = dict.fromkeys(_describe_end(end) for end in bad)
        raise UserError(
            f"{len(bad)} workers failed (shard {', '.join(str(end.shard) for end in bad[:5])}): "
            f"{'; '.join(list(words)[:3])}. Logs are in {submission.jobs}; run the same command to resume"
        )


def _describe_end(end: End) -> str:
    """Return why a worker failed: its last line, which is an error, unless a signal ended it."""
    from extract.decoding.decode_process import signal_name

    if end.status >= 0:
        return end.words.removeprefix("error: ") or f"exit status {end.status}"
    return signal_name(-end.status) + (f" after the line: {end.words}" if end.words else "")


def _last_line(log: Path, start: int) -> str:
    lines = log.read_bytes()[start:][-4096:].decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
