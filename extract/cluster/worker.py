"""A worker as a child process: started again where it is killed, ended in order where its starter is.

For the engines that start processes by themselves, `local` and `ray_queue`. How many, and which, is their business.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from extract.cluster.work import Work
from extract.decoding.pool import signal_name

ATTEMPTS = 3  # of a shard whose worker is killed
MOST_ERRORS = 3  # workers that end with an error, before no more are started: it is not the shards' fault
ENDED_IN_ORDER = (0, 3)  # done; done, with clips in the ledger

# SIGTERM comes when the starter dies; the worker keeps that order through its exec. A starter already gone is noticed.
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
        words: the last line it wrote.
    """

    shard: int
    status: int
    words: str


class Worker:
    """The worker of one shard, running from now on.

    Args:
        work: the run.
        shard: the number.
        engine: begins the name of its log in the folder of jobs.
        environment: what it gets beside this process's own.
    """

    def __init__(self, work: Work, shard: int, engine: str, environment: dict[str, str] | None = None) -> None:
        self.work, self.shard = work, shard
        self.log = work.jobs / f"{engine}-{shard:05d}.log"
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            **(environment or {}),
        }
        self._attempts, self._told = 0, False
        self._process = self._start()

    def poll(self) -> End | None:
        """Return how it ended, if it has; one that was killed is started again."""
        status = self._process.poll()
        if status is not None and status < 0 and not self._told and self._attempts < ATTEMPTS:
            self._process = self._start()
            return None
        return None if status is None else End(self.shard, status, _last_line(self.log))

    def end(self) -> None:
        """Have it finish its clip and end."""
        self._told = True
        self._process.terminate()

    def wait(self) -> None:
        """Wait until it has ended; killed if waiting is interrupted."""
        try:
            self._process.wait()
        except BaseException:
            self._process.kill()
            raise

    def _start(self) -> "subprocess.Popen[bytes]":
        self._attempts += 1
        worker = [*self.work.command(), "--shard", f"{self.shard}/{self.work.of}"]
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as log:
                return subprocess.Popen(
                    [sys.executable, "-c", SHIM, str(os.getpid()), *worker],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    start_new_session=True,  # Ctrl-C on the terminal is its starter's to handle
                )
        except OSError as error:
            raise UserError(f"cannot start a worker with its log {self.log}: {error.strerror or error}") from error


def refuse_errors(ends: list[End], work: Work) -> None:
    """Raise what the workers that did not end in order said last.

    Raises:
        UserError: there is such a one.
    """
    bad = [end for end in ends if end.status not in ENDED_IN_ORDER]
    if bad:
        said = dict.fromkeys(f"{end.words.removeprefix('error: ') or _how(end.status)}" for end in bad)
        raise UserError(
            f"{len(bad)} workers did not get through (shard {', '.join(str(end.shard) for end in bad[:5])}): "
            f"{'; '.join(list(said)[:3])}. Logs are in {work.jobs}; the same command goes on"
        )


def _how(status: int) -> str:
    return signal_name(-status) if status < 0 else f"exit status {status}"


def _last_line(log: Path) -> str:
    lines = log.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
