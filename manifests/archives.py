"""Unpack zip and RAR archives into a folder: each file is complete or missing, and none is outside of the folder.

A file that exists with the right size is not written again, so an interrupted unpacking resumes and a second one does
nothing. Every file that is written is compared with the CRC-32 in the archive.
"""

import contextlib
import hashlib
import importlib
import lzma
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import Timeout

from common.callbacks import ProgressCallback, no_progress
from common.errors import UserError
from common.locks import locked

BLOCK = 4096  # a file uses whole blocks of the disk
# The package rarfile reads names and checksums, and unpacks with an external program. unar is free and reads RAR 3 and
# 5; bsdtar, which rarfile tries last, fails for some files.
RAR_TOOLS = "unar (Debian: apt-get install unar) or unrar"


@dataclass(frozen=True)
class Unpacked:
    """The number of files that were written, and of those that existed."""

    written: int
    there: int


@dataclass(frozen=True)
class _Member:
    """A file of an archive: its path relative to the folder, its entry in the archive, and its path on the disk."""

    name: str
    info: Any
    target: Path

    @property
    def size(self) -> int:
        return int(self.info.file_size)

    @property
    def exists(self) -> bool:
        return self.target.is_file() and self.target.stat().st_size == self.size


def unpack_archives(
    archives: Sequence[Path],
    out: Path,
    checksums: Mapping[str, str] | None = None,
    progress: ProgressCallback = no_progress,
) -> Unpacked:
    """Unpack the missing files of archives.

    Args:
        archives: .zip and .rar files.
        out: the folder. Files in it stay, except files of the archives that have another size.
        checksums: the known "sha256:…" or "md5:…" of archives, by file name; they are compared before any writing.
        progress: called with the bytes done and the bytes in total.

    Raises:
        UserError: a missing or damaged archive, a member that leads out of the folder or is no regular file, two
            members for one file, a full disk, another process that unpacks there, a missing package or program.
    """
    with contextlib.ExitStack() as stack:
        opened = {path: stack.enter_context(_opened(path)) for path in archives}
        members = {path: _members(path, archive, out) for path, archive in opened.items()}
        _refuse_two_for_one(members)
        stack.enter_context(_only_one(out))
        missing = {path: [one for one in own if not one.exists] for path, own in members.items()}
        _check_space(out, [one.size for own in missing.values() for one in own])
        for path, own in missing.items():
            if own:
                _check_sum(path, (checksums or {}).get(path.name))
        written = done = 0
        total = sum(one.size for own in missing.values() for one in own)
        for path, own in missing.items():
            for one in own:
                with _reading(path, one.name):
                    _write(opened[path], one)
                written, done = written + 1, done + one.size
                progress(done, total)
        if written:
            # One sync for all files: a hundred thousand would take half an hour. A file that a power cut damages before
            # has another size.
            os.sync()
    return Unpacked(written, sum(map(len, members.values())) - written)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open an archive by its content and not by its name; both kinds have the same methods."""
    if not path.is_file():
        raise UserError(f"there is no archive {path}")
    with _reading(path):
        archive: Any
        if zipfile.is_zipfile(path):
            archive = zipfile.ZipFile(path)
        else:
            with path.open("rb") as file:
                if file.read(4) != b"Rar!":
                    raise UserError(f"{path} is neither a .zip nor a .rar; download it again, or unpack it yourself")
            archive = _rarfile().RarFile(path)
            if archive.is_solid():  # reading a member would read all members before it
                raise UserError(
                    f"{path} is a solid archive; unpack it yourself, as with `unar`, and run this without it"
                )
    with archive:
        yield archive


def _rarfile() -> Any:
    try:
        return importlib.import_module("rarfile")
    except ImportError as error:
        raise UserError("a package is missing that reads .rar: rarfile; the extra `rar` brings it") from error


@contextlib.contextmanager
def _reading(path: Path, member: str = "") -> Iterator[None]:
    """Raise a `UserError` for every error while an archive is read."""
    at = f"{path}, member {member}" if member else str(path)
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot unpack {at}: {error}") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise UserError(f"{at} is damaged: {error}; download the archive again") from error
    except (NotImplementedError, RuntimeError) as error:  # zipfile: an unknown compression, or a password
        raise UserError(f"cannot unpack {at}: {error}") from error
    except Exception as error:
        if type(error).__module__ != "rarfile":
            raise
        if type(error).__name__ == "RarCannotExec":
            raise UserError(f"no program is found that unpacks .rar; install {RAR_TOOLS}") from error
        raise UserError(
            f"{at} is damaged, or the program that unpacks .rar cannot: {error or type(error).__name__}; install "
            f"{RAR_TOOLS}, or download the archive again"
        ) from error


def _members(path: Path, archive: Any, out: Path) -> list[_Member]:
    """Return the files of an archive in its order. Every name is checked before anything is written."""
    found = []
    for info in archive.infolist():
        name = str(info.filename)
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:|.*[\\\x00-\x1f]", name):
            raise UserError(f"{path}: the member {name!r} would lead out of {out}; nothing was unpacked")
        if info.is_dir():
            continue
        if not _is_plain(info):
            raise UserError(f"{path}: the member {name} is a link or a device, and no file; nothing was unpacked")
        found.append(_Member("/".join(parts), info, out.joinpath(*parts)))
    if not found:
        raise UserError(f"no file is in {path}; download it again")
    return found


def _is_plain(info: Any) -> bool:
    if isinstance(info, zipfile.ZipInfo):
        return stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)
    return bool(info.is_file())


def _refuse_two_for_one(members: Mapping[Path, Sequence[_Member]]) -> None:
    """Refuse a file that is twice in an archive, or different in two archives: each run would write it again."""
    first: dict[str, tuple[Path, _Member]] = {}
    for path, own in members.items():
        for one in own:
            other_path, other = first.setdefault(one.name, (path, one))
            same = (one.size, one.info.CRC) == (other.size, other.info.CRC)
            if other is not one and (path == other_path or not same):
                raise UserError(f"{path}: the member {one.name} is also in {other_path}; nothing was unpacked")


@contextlib.contextmanager
def _only_one(out: Path) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(out / ".unpack.lock"))
        except Timeout as error:
            raise UserError(f"another process is unpacking into {out}; wait for it") from error
        except OSError as error:
            raise UserError(f"cannot write {out}: {error.strerror or error}") from error
        yield


def _check_space(out: Path, sizes: Sequence[int]) -> None:
    needed = sum(-(-size // BLOCK) * BLOCK for size in sizes)
    free = shutil.disk_usage(out).free
    if needed > free:
        raise UserError(
            f"{out} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are still to be unpacked; "
            "make room, or give another folder"
        )


def _check_sum(path: Path, wanted: str | None) -> None:
    if wanted is None:
        return
    algorithm, _, expected = wanted.partition(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != expected:
        raise UserError(
            f"{path} has the {algorithm} {found}, and {expected} is known of {path.name}; download it again. If its "
            "owners have packed it anew, give it another name: only what is in it is then checked"
        )


def _write(archive: Any, one: _Member) -> None:
    """Write a member under a temporary name, and rename it when it is complete."""
    one.target.parent.mkdir(parents=True, exist_ok=True)
    temporary = one.target.with_name(
        f".{one.target.name}.part"
    )  # may exist, from a killed process: only one process unpacks here
    try:
        with archive.open(one.info) as source, temporary.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)  # at the end of the member, the CRC-32 is compared
        if temporary.stat().st_size != one.size:
            raise EOFError(f"{temporary.stat().st_size} of {one.size} bytes came out of it")
        temporary.replace(one.target)
    finally:
        temporary.unlink(missing_ok=True)
