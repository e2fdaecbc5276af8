"""Lock files, with one rule for file systems that have no locks.

A lock saves work: it keeps two processes from doing the same thing twice. It never decides whether a file is whole,
because every file is written under a temporary name and renamed. So a file system without locks (Lustre mounted
without `-o flock`, some network and FUSE file systems) is no reason to stop.
"""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP})  # what `flock` answers there
WAIT_FOR_EVER = -1.0


@contextlib.contextmanager
def locked(lock: Path, patience: float = 0.0) -> Iterator[bool]:
    """Hold a lock file. The operating system frees it when the process dies.

    Args:
        lock: the lock file; it and its folder are made where they are missing.
        patience: seconds to wait for another process that holds it; `WAIT_FOR_EVER`.

    Yields:
        True while the lock is held; False where the file system has no locks, and nothing is held.

    Raises:
        filelock.Timeout: another process holds the lock.
        OSError: the lock file cannot be made.
    """
    # filelock's own substitute, a file that exists while the lock is held, outlives a process that is killed.
    file_lock = FileLock(lock, fallback_to_soft=False)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file_lock.acquire(timeout=patience, poll_interval=0.1)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    try:
        yield file_lock.is_locked
    finally:
        file_lock.release()
