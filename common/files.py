"""Atomic writes, checksums, and paths that stay inside their root."""

import contextlib
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from common.errors import UserError

UMASK = threading.Lock()  # the umask can only be read by setting it


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; afterwards fsync the file there and rename it to `path`.

    A reader sees the old file or the complete new file, also after kill -9 or a power cut. After an exception, the
    temporary file is removed.

    Raises:
        UserError: the folder cannot be written (read-only, full), with the system's reason.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        in_the_way = next((f"{folder} is a file and not a folder" for folder in path.parents if folder.is_file()), "")
        raise UserError(f"cannot write {path}: {in_the_way or error.strerror or error}") from error
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
        with contextlib.suppress(OSError):  # the folder became read-only, which is reported already
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder, which becomes `path` at the end. `path` is complete or absent.

    Raises:
        UserError: `path` exists and is no empty folder, or it cannot be written, with the system's reason.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UserError(f"{path} exists and holds something else; give another folder, or remove it")
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.absolute().parent) as temporary:
            whole = Path(temporary) / "whole"
            whole.mkdir()
            yield whole
            for file in whole.iterdir():
                _fsync(file)
            whole.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Remove the temporary files that a killed `atomic_write` of a file `name` left in `folder`.

    Only the process that holds the folder's lock may call this.
    """
    for leftover in folder.glob(f".{name}.????????.tmp"):  # mkstemp adds eight letters; a longer name does not match
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
    """Check that a folder exists.

    Args:
        folder: the path.
        what: the folder's name in the sentence.
        remedy: what the user can do, if the sentence alone does not say it.

    Raises:
        UserError: it does not exist, or is a file.
    """
    if not folder.is_dir():
        wrong = "is a file and not a folder" if folder.is_file() else "does not exist"
        raise UserError(f"{what} {folder} {wrong}{f'; {remedy}' if remedy else ''}")


def inside(root: Path, relative: str) -> Path:
    """Return `root / relative`, and refuse a path that leads out of `root`.

    The path is checked as it is written. Symbolic links inside the root may point to other places, because data sets
    are often linked.

    Raises:
        UserError: `relative` is absolute or contains `..`.
    """
    if leads_out(relative):
        raise UserError(f"path {relative!r} leads out of {root}; paths in a manifest are relative to its root")
    return root / relative


def leads_out(relative: str) -> bool:
    """Tell whether a path is absolute or contains `..`. A list may have a million paths, so this makes no `Path`."""
    return relative.startswith("/") or "/../" in f"/{relative}/"


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
