"""A worker as a child process. It is started again when it is killed, and it ends when its parent is killed.

The engines that start processes by themselves use it, `local` and `ray_queue`.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

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
    """The worker of one shard. The constructor starts it.

    Args:
        submission: the run.
        shard: the number of the shard.
        engine: the first part of the name of its log in the folder of jobs.
        environment: variables that it gets beside those of this process.
    """

    def __init__(
        self, submission: Submission, shard: int, engine: str, environment: dict[str, str] | None = None
    ) -> None:
        self.submission, self.shard = submission, shard
        self.log = submission.jobs / f"{engine}-{shard:05d}.log"
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            **(environment or {}),
        }
        self._attempts, self._stopped = 0, False
        self._process = self._start()

    def poll(self) -> End | None:
        """Return how it ended, if it has. A worker that was killed is started again."""
        status = self._process.poll()
        if status is not None and status < 0 and not self._stopped and self._attempts < ATTEMPTS:
            self._process = self._start()
            return None
        return None if status is None else End(self.shard, status, _last_line(self.log))

    def end(self) -> None:
        """Ask it to finish its clip and to end."""
        self._stopped = True
        self._process.terminate()

    def wait(self) -> None:
        """Wait until it has ended. If waiting is interrupted, it is killed."""
        try:
            self._process.wait()
        except BaseException:
            self._process.kill()
            raise

    def _start(self) -> "subprocess.Popen[bytes]":
        self._attempts += 1
        worker = [*self.submission.command(), "--shard", f"{self.shard}/{self.submission.num_shards}"]
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as log:
                return subprocess.Popen(
                    [sys.executable, "-c", SHIM, str(os.getpid()), *worker],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    start_new_session=True,  # Ctrl-C on the terminal reaches the parent only
                )
        except OSError as error:
            raise UserError(f"cannot start a worker with its log {self.log}: {error.strerror or error}") from error


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


def _last_line(log: Path) -> str:
    lines = log.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
