"""Lock files, also on file systems that have no locks.

A lock prevents two processes from doing the same work. Files are complete without it, because every file is written
under a temporary name and renamed. So the program also runs on a file system without locks (Lustre mounted without
`-o flock`, some network and FUSE file systems).
"""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP})  # the errors of `flock` there
WAIT_FOR_EVER = -1.0


@contextlib.contextmanager
def locked(lock: Path, patience: float = 0.0) -> Iterator[bool]:
    """Hold a lock file. The operating system releases it when the process ends.

    Args:
        lock: the lock file; it and its folder are made if they are missing.
        patience: how many seconds to wait for another process that holds it, or `WAIT_FOR_EVER`.

    Yields:
        True if the lock is held; False if the file system has no locks.

    Raises:
        filelock.Timeout: another process holds the lock.
        OSError: the lock file cannot be made.
    """
    # filelock's substitute for locks, a file that exists while the lock is held, remains when a process is killed.
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
