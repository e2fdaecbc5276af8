"""Signs of life of a worker, for `status`: how far it is, how fast, and how long nothing has come.

Written beside the shard every few seconds by a thread of its own, so that a worker which hangs is seen to hang.
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

SECONDS = 5.0
JOB_NAMES = (("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"), ("JOB_NAME", "JOB_COMPLETION_INDEX"), ("RAY_JOB_ID",))


class Heartbeat:
    """Context in which signs of life appear at `path`; it is removed at the end.

    Args:
        path: the shard's `heartbeat.json`.
        clips: of the shard.
        done: of them, before this worker began.
        failed: of them, before this worker began.
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
        with contextlib.suppress(OSError):  # read-only by now: what the worker says of that must not be drowned
            self.path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while True:
            with contextlib.suppress(UserError):  # a full disk: the worker will find it so, and say so
                write_text(self.path, json.dumps(self._signs()) + "\n")
            if self._stop.wait(SECONDS):
                return

    def _signs(self) -> dict[str, object]:
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
