"""Files that are whole or absent: atomic writes, checksums, paths that stay inside their root."""

import contextlib
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from common.errors import UserError

UMASK = threading.Lock()  # it can only be read by setting it


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success fsync it and rename it onto `path`.

    A reader sees the old file or the new one, never half of one, also after kill -9 or a power cut.
    On an exception nothing of it stays behind.

    Raises:
        UserError: the folder cannot be written (read-only, full), with the system's reason.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _fsync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _fsync(path.parent)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):  # read-only by now; why is raised already
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Remove what killed `atomic_write`s of files called `name` left in `folder`. Only for the one who may write it."""
    for leftover in folder.glob(f".{name}.????????.tmp"):  # mkstemp's eight letters: not those of a longer name
        try:
            leftover.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"cannot write {folder}: {error.strerror or error}") from error


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_no_folder(folder: Path, what: str = "the folder", remedy: str = "") -> None:
    """Refuse what is no folder.

    Args:
        folder: what must be one.
        what: the folder is called in the sentence.
        remedy: what to do about it, if that is not plain.

    Raises:
        UserError: it does not exist, or is a file.
    """
    if not folder.is_dir():
        wrong = "is a file and not a folder" if folder.is_file() else "does not exist"
        raise UserError(f"{what} {folder} {wrong}{f'; {remedy}' if remedy else ''}")


def inside(root: Path, relative: str) -> Path:
    """Return `root / relative`, refusing a path that leads out of `root`.

    Symbolic links inside the root may point elsewhere (data sets are often linked in);
    what is refused is the path as written: absolute, or climbing out with `..`.

    Raises:
        UserError: `relative` is absolute or climbs out of `root`.
    """
    if Path(relative).is_absolute() or ".." in Path(relative).parts:
        raise UserError(f"path {relative!r} leads out of {root}; paths in a manifest are relative to its root")
    return root / relative


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    with UMASK:
        mask = os.umask(0)
        os.umask(mask)
    return mask
