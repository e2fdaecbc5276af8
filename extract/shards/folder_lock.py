"""One lock of a run: of a shard, of the plan, or of the merge. The lock itself is `common.locks`."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import Timeout

from common.errors import UserError
from common.files import remove_leftovers
from common.locks import locked

LOCK_SECONDS = 60.0  # to wait for a worker that is about to end: a scheduler kills it sooner


class BusyError(UserError):
    """Another process holds the lock."""


@contextlib.contextmanager
def hold_lock(lock: Path, doing: str, patience: float, files: Sequence[str] = ("*",)) -> Iterator[bool]:
    """Hold a lock file, and remove the unfinished files that killed writers left beside it.

    Where the file system has no locks, no lock is held and no file is removed. Two workers may then do the same work
    twice; neither damages the files of the other.

    Args:
        lock: the lock file.
        doing: what a process does that holds the lock, for the error message.
        patience: seconds to wait for the lock.
        files: names of files beside it that only the holder of the lock writes.

    Yields:
        Whether the lock is held.

    Raises:
        BusyError: another process holds it.
        UserError: its folder cannot be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(locked(lock, patience))
            for name in files if held else ():
                remove_leftovers(lock.parent, name)
        except Timeout as error:
            raise BusyError(f"another process is {doing}; wait for it, or choose another output") from error
        except OSError as error:
            raise UserError(f"cannot write {lock.parent}: {error.strerror or error}") from error
        yield held
