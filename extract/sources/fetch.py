"""What a decoder cannot open where it is, a remote file or a member of an archive, brought to local scratch first.

Scratch is $EXTRACT_SCRATCH, or the system's folder for temporary files; it should be a disk of this machine. Each
process has a folder there, removed with it; one of a process that was killed is removed by the next `sweep`.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import socket
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from common.errors import UserError
from extract.clip import DecodeError
from extract.sources.location import describe, filesystem, is_url

ATTEMPTS = 3  # of a fetch; …
WAIT = 0.5  # … seconds before the second, and four times as many before the third
PIECE = 4 << 20  # bytes of one read: one request, and what a fetch holds in memory


class FetchError(DecodeError):
    """Why a file could not be brought here."""


class Scratch:
    """The folder of one process for the file it decodes. Made when it is first needed."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._lock = -1

    @contextlib.contextmanager
    def fetched(self, path: str, offset: int, size: int, name: str, alive: Callable[[], None]) -> Iterator[Path]:
        """Give a local copy of a file, or of a piece of one, until the context ends.

        Args:
            path: local path or URL of the file.
            offset: where the piece begins; 0: the whole file.
            size: of the piece.
            name: what the file or the member is called: the copy ends in the same suffix.
            alive: called after every piece.

        Raises:
            FetchError: it is not there or may not be read, or every attempt failed.
        """
        if self._folder is None:
            self._folder, self._lock = _claim()
        copy = self._folder / f"clip{PurePosixPath(name).suffix}"
        try:
            _fetch(path, offset, size if offset else None, name, copy, alive)
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock)
            self._folder = None


def sweep() -> None:
    """Remove what killed processes of this machine left in scratch. Whoever is alive holds a lock on his folder."""
    for folder in _root().glob(f"{_prefix()}*"):
        with contextlib.suppress(OSError):  # held; another user's; swept by another process
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)


def _claim() -> tuple[Path, int]:
    """Make a folder and lock it."""
    sweep()
    while True:
        try:
            folder = Path(tempfile.mkdtemp(prefix=_prefix(), dir=_root()))
        except OSError as error:
            raise FetchError(f"cannot write scratch {_root()}: {error.strerror}; set EXTRACT_SCRATCH") from error
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            with contextlib.suppress(OSError):  # a network's disk that knows no locks: nobody can sweep it either
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():  # else swept between its making and its locking
                return folder, lock
            os.close(lock)


def _root() -> Path:
    return Path(os.environ.get("EXTRACT_SCRATCH") or tempfile.gettempdir())


def _prefix() -> str:
    return f"extract-scratch-{socket.gethostname()}-"  # locks do not hold from one machine to another on every disk


def _fetch(path: str, offset: int, size: int | None, name: str, copy: Path, alive: Callable[[], None]) -> None:
    """Copy a file or a piece of one; what may be a passing trouble is tried again."""
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(WAIT * 4 ** (attempt - 1))
        alive()
        try:
            return _copy(path, offset, size, name, copy, alive)
        except Exception as error:  # every storage has exceptions of its own
            # fsspec's HTTP calls all that went wrong while it asked for the size a missing file.
            trouble = error.__cause__ or error if isinstance(error, FileNotFoundError) else error
            reason = describe(trouble)
            if (lasting := _lasting(trouble, copy)) is not None:
                raise FetchError(lasting) from error
    raise FetchError(f"{ATTEMPTS} attempts failed, the last one: {reason}")


def _lasting(trouble: BaseException, copy: Path) -> str | None:
    """Return the reason, in words, where another attempt would end in the same way."""
    status = getattr(trouble, "status", None)  # of HTTP
    if isinstance(trouble, FileNotFoundError) or status in (404, 410):
        return "the file does not exist"
    if getattr(trouble, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return f"scratch {copy.parent.parent} is full; set EXTRACT_SCRATCH to a larger disk"
    # ValueError: a server that gives no pieces of a file.
    if status in (400, 401, 403) or isinstance(trouble, (PermissionError, IsADirectoryError, UserError, ValueError)):
        return f"the file cannot be read: {describe(trouble)}"
    return None


def _copy(path: str, offset: int, size: int | None, name: str, copy: Path, alive: Callable[[], None]) -> None:
    with _open(path, whole=size is None) as source, copy.open("wb") as file:
        if offset:  # in a tar, where a member's header stands right before its bytes
            source.seek(offset - tarfile.BLOCKSIZE)
            _refuse_other_member(source.read(tarfile.BLOCKSIZE), path, name, size)
        wanted: int | None = getattr(source, "size", None) if size is None else size
        copied = 0
        while piece := source.read(PIECE if size is None else min(PIECE, size - copied)):
            copied += file.write(piece)
            alive()
    if wanted is not None and copied != wanted:
        raise OSError(f"{copied} of {wanted} bytes came")


def _refuse_other_member(header: bytes, path: str, name: str, size: int | None) -> None:
    """Raise UserError where an archive was rewritten since the clips were listed."""
    try:
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        there = ""
    else:
        there = str(PurePosixPath(member.name)) if member.size == size or (size or 0) >= 8**11 else ""
    long = len(name.encode()) > 99 or not name.isascii()  # such a name stands in a header of its own before
    if there != name and not (long and there):
        raise UserError(f"{name} does not stand there in {path} any more: it was packed anew; plan with another output")


def check_scratch() -> None:
    """Refuse to begin where nothing can be brought to.

    Raises:
        UserError: scratch cannot be written.
    """
    try:
        with tempfile.TemporaryFile(dir=_root()):
            pass
    except OSError as error:
        raise UserError(f"cannot write scratch {_root()}: {error.strerror}; set EXTRACT_SCRATCH") from error


def _open(path: str, whole: bool) -> contextlib.AbstractContextManager[IO[bytes]]:
    if not is_url(path):
        return Path(path).open("rb")
    files, name = filesystem(path)
    # Not every server gives pieces of a file, so a whole one is read in one go. Else, without fsspec's cache, each
    # read is one request, of nothing beyond the piece.
    how = {"block_size": 0} if whole and path.startswith("http") else {"cache_type": "none"}
    opened: contextlib.AbstractContextManager[IO[bytes]] = files.open(name, "rb", **how)
    return opened
