"""Copy remote files and members of archives, which decoders cannot open in place, to a local scratch folder.

The scratch folder is $EXTRACT_SCRATCH, or the system's folder for temporary files. It should be on a disk of this
machine. Each process has a folder of its own in it, which it removes at its end. `sweep` removes those of killed
processes.
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
from extract.clip import MISSING_FILE, DecodeError
from extract.sources.location import describe, filesystem, is_url

ATTEMPTS = 3  # to copy a file
WAIT = 0.5  # seconds before the second attempt, and four times as many before the third
PIECE = 4 << 20  # bytes of one read, which is one request and is held in memory


class FetchError(DecodeError):
    """The reason why a file could not be copied."""


class Scratch:
    """The folder of one process for the file that it decodes. It is made when it is first needed."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._lock = -1

    @contextlib.contextmanager
    def fetched(self, path: str, offset: int, size: int, name: str, alive: Callable[[], None]) -> Iterator[Path]:
        """Give a local copy of a file, or of a part of it, until the context ends.

        Args:
            path: local path or URL of the file.
            offset: where the part begins; 0: the whole file.
            size: bytes of the part.
            name: of the file or the member; the copy has the same suffix.
            alive: called after every read.

        Raises:
            FetchError: the file is missing or not readable, or every attempt failed.
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
    """Remove the scratch folders of killed processes of this machine. A living process holds a lock on its folder."""
    for folder in _root().glob(f"{_prefix()}*"):
        with contextlib.suppress(OSError):  # locked, another user's, or removed by another process
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
            raise FetchError(
                f"cannot write the scratch folder {_root()}: {error.strerror}; set EXTRACT_SCRATCH"
            ) from error
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            with contextlib.suppress(OSError):  # a network disk without locks: `sweep` cannot lock it either
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():  # otherwise another process removed it before it was locked
                return folder, lock
            os.close(lock)


def _root() -> Path:
    return Path(os.environ.get("EXTRACT_SCRATCH") or tempfile.gettempdir())


def _prefix() -> str:
    return f"extract-scratch-{socket.gethostname()}-"  # on some disks, locks do not hold between machines


def _fetch(path: str, offset: int, size: int | None, name: str, copy: Path, alive: Callable[[], None]) -> None:
    """Copy a file or a part of it. After an error that may be temporary, try again."""
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(WAIT * 4 ** (attempt - 1))
        alive()
        try:
            return _copy(path, offset, size, name, copy, alive)
        except Exception as error:  # each kind of storage has its own exceptions
            # Over HTTP, fsspec reports every error during the request for the size as a missing file.
            cause = error.__cause__ or error if isinstance(error, FileNotFoundError) else error
            reason = describe(cause)
            if (permanent := _permanent(cause, copy)) is not None:
                raise FetchError(permanent) from error
    raise FetchError(f"{ATTEMPTS} attempts failed, the last one: {reason}")


def _permanent(cause: BaseException, copy: Path) -> str | None:
    """Return the reason, in words, if another attempt would fail in the same way; else None."""
    status = getattr(cause, "status", None)  # of HTTP
    if isinstance(cause, FileNotFoundError) or status in (404, 410):
        return MISSING_FILE
    if getattr(cause, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return f"the scratch folder {copy.parent.parent} is full; set EXTRACT_SCRATCH to a folder on a larger disk"
    # ValueError: the server cannot send parts of a file.
    if status in (400, 401, 403) or isinstance(cause, (PermissionError, IsADirectoryError, UserError, ValueError)):
        return f"the file cannot be read: {describe(cause)}"
    return None


def _copy(path: str, offset: int, size: int | None, name: str, copy: Path, alive: Callable[[], None]) -> None:
    with _open(path, whole=size is None) as source, copy.open("wb") as file:
        if offset:  # a member of a tar, whose header is right before its bytes
            source.seek(offset - tarfile.BLOCKSIZE)
            _refuse_other_member(source.read(tarfile.BLOCKSIZE), path, name, size)
        wanted: int | None = getattr(source, "size", None) if size is None else size
        copied = 0
        while piece := source.read(PIECE if size is None else min(PIECE, size - copied)):
            copied += file.write(piece)
            alive()
    if wanted is not None and copied != wanted:
        raise OSError(f"{copied} of {wanted} bytes were received")


def _refuse_other_member(header: bytes, path: str, name: str, size: int | None) -> None:
    """Raise a UserError if an archive was rewritten since the clips were listed."""
    try:
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        there = ""
    else:
        there = str(PurePosixPath(member.name)) if member.size == size or (size or 0) >= 8**11 else ""
    long = len(name.encode()) > 99 or not name.isascii()  # such a name has a header of its own before this one
    if there != name and not (long and there):
        raise UserError(
            f"{name} is not at its place in {path} any more: the archive was packed again; plan with another output"
        )


def check_scratch() -> None:
    """Check that the scratch folder can be written.

    Raises:
        UserError: it cannot.
    """
    try:
        with tempfile.TemporaryFile(dir=_root()):
            pass
    except OSError as error:
        raise UserError(f"cannot write the scratch folder {_root()}: {error.strerror}; set EXTRACT_SCRATCH") from error


def _open(path: str, whole: bool) -> contextlib.AbstractContextManager[IO[bytes]]:
    if not is_url(path):
        return Path(path).open("rb")
    files, name = filesystem(path)
    # Some servers cannot send parts of a file, so a whole file is read in one request. Otherwise fsspec's cache is off,
    # and each read is one request for exactly these bytes.
    how = {"block_size": 0} if whole and path.startswith("http") else {"cache_type": "none"}
    opened: contextlib.AbstractContextManager[IO[bytes]] = files.open(name, "rb", **how)
    return opened
