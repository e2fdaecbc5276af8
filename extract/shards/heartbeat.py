"""The heartbeat of a worker: a small file that tells `status` how far the worker is and how fast.

A thread writes it beside the shard every few seconds, so that `status` recognises a worker that hangs.
"""

import contextlib
import json
import os
import platform
import threading
import time
from pathlib import Path
from types import TracebackType

from common.errors import UserError
from common.files import write_text

SECONDS = 5.0  # between two writings
JOB_NAMES = (("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"), ("JOB_NAME", "JOB_COMPLETION_INDEX"), ("RAY_JOB_ID",))


class Heartbeat:
    """Context in which a thread writes the heartbeat; the file is removed at the end.

    Args:
        path: the shard's `heartbeat.json`.
        clips: number of clips of the shard.
        done: how many of them were done before this worker began.
        failed: how many of them had failed before this worker began.
    """

    def __init__(self, path: Path, clips: int, done: int, failed: int) -> None:
        self.path, self.clips, self.done, self.failed = path, clips, done, failed
        self._began = self._last = time.monotonic()
        self._session = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def clip(self, *, failed: bool) -> None:
        """Note that a clip is finished."""
        self._session += 1
        self._last = time.monotonic()
        if failed:
            self.failed += 1
        else:
            self.done += 1

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        with contextlib.suppress(OSError):  # on a read-only disk the worker's own error is the one to show
            self.path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while True:
            with contextlib.suppress(UserError):  # on a full disk the worker itself fails, with that reason
                write_text(self.path, json.dumps(self._record()) + "\n")
            if self._stop.wait(SECONDS):
                return

    def _record(self) -> dict[str, object]:
        now = time.monotonic()
        return {
            "host": platform.node(),
            "pid": os.getpid(),
            "job": next(("_".join(os.environ[name] for name in names) for names in JOB_NAMES if _all_set(names)), ""),
            "clips": self.clips,
            "done": self.done,
            "failed": self.failed,
            "session_clips": self._session,
            "session_seconds": now - self._began,
            "quiet_seconds": now - self._last,
        }


def _all_set(names: tuple[str, ...]) -> bool:
    return all(os.environ.get(name) for name in names)
