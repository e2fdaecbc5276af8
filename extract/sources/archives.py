"""Tar archives, such as the shards of webdataset: which archives a pattern means, and where each member begins.

Archives are not unpacked. A member's bytes are in the archive unchanged, and `fetch` reads them from their offset.
"""

import contextlib
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote

from common.errors import UserError
from extract.sources.location import filesystem, is_url, reading

COMPRESSED = (".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")
MOST_NAMES = 1_000_000  # of a pattern; a larger number is a typing error
HEADER_BYTES = 1 << 16  # of one read of a remote archive: enough for headers, and little of a member


@dataclass(frozen=True)
class Member:
    """A file in an archive: its name, the offset of its first byte, and its number of bytes."""

    name: str
    offset: int
    size: int


def are_archives(place: str) -> bool:
    """Tell whether a path, URL or pattern means tar archives.

    Raises:
        UserError: the archive is compressed; a clip cannot be read from the middle of it.
    """
    if place.lower().endswith(COMPRESSED):
        raise UserError(f"{place} is compressed, which saves nothing for videos; convert it to a plain .tar")
    return place.lower().endswith(".tar")


def archive_names(pattern: str) -> tuple[str, list[str]]:
    """Return the folder of the archives, or the URL of it, and their names relative to it, in order.

    Args:
        pattern: one archive, or several: `shards/ucf-{000..012}.tar`, `{train,test}.tar`, `*.tar`, in any mixture.

    Raises:
        UserError: an archive does not exist.
    """
    magic = re.search(r"[{*?\[]", pattern)
    fixed = pattern if magic is None or Path(pattern).is_file() else pattern[: magic.start()]
    root, slash, _ = fixed.rpartition("/")
    relative, root = pattern[len(root + slash) :], root or slash or "."
    names: dict[str, None] = {}
    for name in [relative] if fixed == pattern else expand_braces(relative):
        if fixed != pattern and re.search(r"[*?\[]", name):
            found = _matching(root, name)
        else:
            found = [name] if is_url(root) or Path(root, name).is_file() else []
        if not found:
            raise UserError(f"there is no {name} in {root}")
        names.update(dict.fromkeys(found))
    return root, list(names)


def expand_braces(pattern: str) -> list[str]:
    """Return the names a pattern stands for, as a shell does: `a{1..3}` and `a{08..10}` count, `{a,b}` chooses.

    Raises:
        UserError: more than MOST_NAMES.
    """
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        return [pattern]
    if bounds := re.fullmatch(r"(\d+)\.\.(\d+)", match[1]):
        first, last = int(bounds[1]), int(bounds[2])
        if abs(last - first) >= MOST_NAMES:
            raise UserError(f"{pattern}: more than {MOST_NAMES} names")
        width = max(map(len, bounds.groups())) if any(re.match("0.", bound) for bound in bounds.groups()) else 0
        step = 1 if first <= last else -1
        choices = [f"{number:0{width}d}" for number in range(first, last + step, step)]
    else:
        choices = match[1].split(",")
    before, after = pattern[: match.start()], pattern[match.end() :]
    return [name for choice in choices for name in expand_braces(f"{before}{choice}{after}")]


def members(place: str, wanted: Callable[[str], bool]) -> Iterator[Member]:
    """Yield the wanted members of an archive in its order. Only headers are read.

    Args:
        place: path or URL of the archive.
        wanted: takes a name without a leading `./`.

    Raises:
        UserError: the file is no plain tar or is cut; or a wanted member is a link, is sparse, or has a name that
            leads out of the folder.
    """
    with reading(place), _open(place) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        while (member := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # otherwise it keeps every member in memory
            name = str(PurePosixPath(member.name))
            if not wanted(name) or member.isdir():
                continue
            if name.startswith("/") or ".." in PurePosixPath(name).parts:
                raise UserError(f"{place}: the member {name} leads out of the archive's folder; pack it again")
            if not member.isreg() or member.issparse():
                raise UserError(f"{place}: the member {name} is a link or sparse; pack it again as a file")
            yield Member(name, member.offset_data, member.size)
        file.seek(tar.offset)
        # A damaged header reads as the end of the archive; the true end is a block of zeros.
        if (end := file.read(tarfile.BLOCKSIZE)) != bytes(tarfile.BLOCKSIZE):
            what = "cut" if len(end) < tarfile.BLOCKSIZE else "damaged"
            raise UserError(f"{place} is {what} at byte {tar.offset}; pack or copy it again")
        while piece := file.read(1 << 20):
            if piece.strip(b"\0"):
                raise UserError(
                    f"{place} has data after its end, as archives joined by cat have; give the archives one by one"
                )


def _matching(root: str, pattern: str) -> list[str]:
    if not is_url(root):
        return sorted(path.relative_to(root).as_posix() for path in Path(root).glob(pattern))
    with reading(root):
        files, folder = filesystem(root)
        names = sorted(files.glob(f"{folder.rstrip('/')}/{pattern}"))
    return [relative_name(name, folder) for name in names]


def relative_name(name: str, folder: str) -> str:
    """Return a name that fsspec gives, relative to its folder. Over HTTP, fsspec gives URLs."""
    relative = name[len(folder.rstrip("/")) + 1 :]
    return unquote(relative) if is_url(name) else relative


def _open(place: str) -> contextlib.AbstractContextManager[IO[bytes]]:
    if not is_url(place):
        return Path(place).open("rb")
    files, path = filesystem(place)
    opened: contextlib.AbstractContextManager[IO[bytes]] = files.open(
        path, "rb", block_size=HEADER_BYTES, cache_type="readahead"
    )
    return opened
