"""Where clips come from: a manifest, a folder, a list of paths, tar archives, or a URL of one of these, as one table.

No video is opened here; archives are read for where their members begin. How a clip is brought to the decoder is in
`fetch`, which clip goes to which worker in `plan`.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISREG

import numpy as np
import pandas as pd

from common.errors import UserError
from common.file_kind import CSV, EMPTY, TEXT, kind_of
from common.files import refuse_no_folder
from extract.skeletons.readers import READERS
from extract.sources.archives import archive_names, are_archives, members, relative_name
from extract.sources.location import filesystem, is_url, join, reading, relative_to
from extract.sources.path_list import common_root, needs_videos, read_lines, read_paths
from manifests.manifest import Manifest, read_clip_list

VIDEOS = ".3gp .asf .avi .divx .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .vob .webm .wmv"
SUFFIXES = frozenset((*VIDEOS.split(), *READERS))
LISTS = (".txt", ".list", ".lst")  # of URLs, which cannot be asked whether they are folders
CLASHES_SHOWN = 20  # pairs of clips that would have one name
READ_AT_ONCE = 8  # archives; what takes time is waiting for each header


@dataclass(frozen=True)
class Listing:
    """The clips of a run.

    Attributes:
        videos: the folder, or the beginning of the URLs, that paths and archives are relative to.
        clips: one row a clip, in order: clip_id; path, in the archive where there is one; frames, that the manifest
            gives, and bytes (0: unknown); archive ("": a file by itself); offset of its first byte in the archive.
        fingerprint: as of a manifest with these ids and paths.
    """

    videos: str
    clips: pd.DataFrame
    fingerprint: str


def read_clips(clips: str, videos: str | None, column: str = "path") -> Listing:
    """List the clips.

    Args:
        clips: a manifest (.csv), of which only the paths, `clip_id` and `num_frames` are read, the last two where they
            are there; a folder, for every video and skeleton file below it; a text file with a path a line
            (# begins a comment, unless a file has that name); tar archives as in `archives`; each also as a URL that
            fsspec reads.
        videos: what the paths are relative to: a folder, a URL, or tar archives that have them as members. None: the
            folder itself, the archives' folder, or what a list of absolute paths or URLs has in common.
        column: which paths of a manifest.

    Raises:
        UserError: something is not there or cannot be read; a path leads out of the root; two clips have one name.
    """
    clips = clips.removeprefix("file://")
    root = None if videos is None else videos.removeprefix("file://")
    if are_archives(clips):
        table, root = _of_archives(clips, root)
    elif not is_url(clips) and not Path(clips).exists():
        raise UserError(f"{clips} does not exist; give a manifest, a folder, a list of paths, or tar archives")
    elif _is_folder(clips):
        table, root = _of_folder(clips, root)
    elif _is_clip(PurePosixPath(clips).name):
        raise UserError(f"{clips} is one clip; give a folder, or a list of paths")
    elif not is_url(clips) and (kind := kind_of(Path(clips))) not in (None, CSV, TEXT, EMPTY):
        raise UserError(f"{clips} is no list of clips but {kind}; give a manifest, a folder, a list or tar archives")
    else:
        table, root = _of_list(clips, root, column)
    if table.empty and not is_url(clips) and Path(clips).is_file() and not are_archives(clips):
        raise UserError(f"no clips in {clips}: it has no line with a path")
    if table.empty:
        raise UserError(f"no clips in {clips}: no file there ends in {', '.join(sorted(SUFFIXES))}")
    if "clip_id" not in table:
        table.insert(0, "clip_id", _names(table["path"]))
    table = table[["clip_id", "path", "frames", "bytes", "archive", "offset"]]
    return Listing(root, table, Manifest(table, ()).fingerprint())


def _is_folder(place: str) -> bool:
    return not place.lower().endswith((".csv", *LISTS)) if is_url(place) else Path(place).is_dir()


def _of_archives(pattern: str, root: str | None) -> tuple[pd.DataFrame, str]:
    """Every clip of some archives; those of `root` must be relative to it."""
    folder, archives = archive_names(pattern)
    if root is not None and not are_archives(root):
        beginning = relative_to(root, folder)
        folder, archives = root, [str(PurePosixPath(beginning, archive)) for archive in archives]
    return _members(folder, archives, None), folder


def _members(root: str, archives: list[str], names: frozenset[str] | None) -> pd.DataFrame:
    """The members of some archives: those with the given names, or all that are clips."""

    def wanted(name: str) -> bool:
        return _is_clip(PurePosixPath(name).name) if names is None else name in names

    def listed(archive: str) -> pd.DataFrame:
        found = [(member.name, member.size, member.offset) for member in members(join(root, archive), wanted)]
        table = pd.DataFrame(found, columns=["path", "bytes", "offset"]).astype({"bytes": np.int64, "offset": np.int64})
        return table.assign(frames=0, archive=archive)

    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        return pd.concat(pool.map(listed, archives), ignore_index=True)


def _of_folder(folder: str, root: str | None) -> tuple[pd.DataFrame, str]:
    """Every clip below a folder, sorted."""
    if root is not None and are_archives(root):
        raise UserError(f"{folder} is a folder, and {root} are archives: give a manifest or a list of their members")
    if root is not None and not is_url(root):
        refuse_no_folder(Path(root), "the video folder")
    root = (folder if root is None else root).rstrip("/") or "/"
    beginning = PurePosixPath(relative_to(root, folder))
    with reading(folder):
        sizes = dict(_remote_files(folder) if is_url(folder) else _local_files(folder))
    paths = sorted(sizes)
    return _loose([str(beginning / path) for path in paths], [sizes[path] for path in paths]), root


def _local_files(folder: str, above: tuple[tuple[int, int], ...] = (), prefix: str = "") -> Iterator[tuple[str, int]]:
    """Yield path and size of every clip below a folder; links are followed, but not in a circle."""
    with reading(folder):  # names the folder itself that may not be read, however deep it is
        status = Path(folder).stat()
        here = (status.st_dev, status.st_ino)
        if here in above:
            return
        with os.scandir(folder) as opened:
            entries = list(opened)
        for entry in entries:
            if entry.name.startswith("."):  # as ._clip.avi, which macOS leaves beside clip.avi
                continue
            if entry.is_dir():
                yield from _local_files(entry.path, (*above, here), f"{prefix}{entry.name}/")
            elif _is_clip(entry.name):
                yield prefix + entry.name, _size(entry.path)


def _remote_files(folder: str) -> Iterator[tuple[str, int]]:
    files, path = filesystem(folder)
    found = files.find(path, detail=True)
    if not found:
        files.ls(path)  # raises what `find` passes over
    for name, facts in found.items():
        relative = relative_name(name, path)
        if _is_clip(PurePosixPath(relative).name):
            yield relative, facts.get("size") or 0


def _of_list(place: str, root: str | None, column: str) -> tuple[pd.DataFrame, str]:
    """The clips of a manifest or a list, and where the archives they are in have them."""
    with tempfile.TemporaryDirectory() as scratch:
        file = _brought(place, scratch) if is_url(place) else Path(place)
        if not place.lower().endswith(".csv"):
            lines = read_lines(file, place)
            root = common_root(lines, place) if root is None else root
            table = _loose(read_paths(lines, place, root))
        elif root is None:
            raise UserError(needs_videos(place))
        else:
            listed = read_clip_list(file, column)
            table = _loose(listed["path"].tolist())
            if "clip_id" in listed:
                table.insert(0, "clip_id", listed["clip_id"])
            if "num_frames" in listed:
                table["frames"] = listed["num_frames"].to_numpy(np.int64)
    if are_archives(root):
        folder, archives = archive_names(root)
        return _placed(table, _members(folder, archives, frozenset(table["path"])), root), folder
    if not is_url(root):
        refuse_no_folder(Path(root), "the video folder")
        if not table["frames"].any():  # to ask a network's file system for every file takes its time
            table["bytes"] = np.array([_size(f"{root}/{path}") for path in table["path"]], np.int64)
    return table, root.rstrip("/") or "/"


def _placed(table: pd.DataFrame, found: pd.DataFrame, root: str) -> pd.DataFrame:
    """Fill in where each clip's member is. One that is nowhere stays a file that does not exist: its clip will fail."""
    twice = found[found["path"].duplicated()]
    if len(twice):
        first, second = found[found["path"] == twice["path"].iloc[0]]["archive"].iloc[:2]
        raise UserError(f"the member {twice['path'].iloc[0]} is in {first} and in {second}; keep one")
    if found.empty:
        raise UserError(f"no member of {root} is one of the clips; the first of these is {table['path'].iloc[0]}")
    places = found.set_index("path").reindex(table["path"])
    for name in ("bytes", "offset"):
        table[name] = places[name].fillna(0).to_numpy(np.int64)
    table["archive"] = places["archive"].fillna("").to_numpy()
    return table


def _brought(url: str, folder: str) -> Path:
    """Bring a list or a manifest to a folder of this machine."""
    files, path = filesystem(url)
    copy = Path(folder, PurePosixPath(path).name)
    with reading(path):
        copy.write_bytes(files.cat_file(path))
    return copy


def _loose(paths: list[str], sizes: list[int] | None = None) -> pd.DataFrame:
    return pd.DataFrame({"path": paths, "frames": 0, "bytes": sizes or 0, "archive": "", "offset": 0})


def _names(paths: Iterable[str]) -> list[str]:
    """Return each clip's name: its path without a suffix that is known."""
    first: dict[str, str] = {}
    clashes = []
    for path in paths:
        stem, _, suffix = path.rpartition(".")
        name = stem if f".{suffix.lower()}" in SUFFIXES else path
        if not path.isprintable():
            raise UserError(f"the name {path!r} has a character that cannot be printed; rename the file")
        if name in first:
            clashes.append(f"{first[name]} and {path} would both be called {name}")
        first.setdefault(name, path)
    if clashes:
        more = f"; and {len(clashes) - CLASHES_SHOWN} more pairs" if len(clashes) > CLASHES_SHOWN else ""
        raise UserError(f"{'; '.join(clashes[:CLASHES_SHOWN])}{more}; leave one of each out, or rename it")
    return list(first)


def _is_clip(name: str) -> bool:
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in SUFFIXES


def _size(path: str) -> int:
    """Return a file's bytes; 0 where it is a folder of pictures, or not there: then its clip will fail."""
    try:
        status = Path(path).stat()
    except OSError:
        return 0
    return status.st_size if S_ISREG(status.st_mode) else 0
