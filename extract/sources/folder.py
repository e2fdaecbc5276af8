"""A folder as a source of clips, local or behind a URL: every video and skeleton file below it."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pandas as pd

from common.errors import UserError
from common.files import refuse_no_folder
from extract.sources.archives import are_archives, relative_name
from extract.sources.clip_source import ClipSource, clip_table, file_size
from extract.sources.location import filesystem, is_url, reading, relative_to
from manifests.file_kinds import is_clip

LISTS = (".txt", ".list", ".lst")  # suffixes of lists behind URLs, which cannot be asked whether they are folders


def _is_folder(place: str) -> bool:
    return not place.lower().endswith((".csv", *LISTS)) if is_url(place) else Path(place).is_dir()


def _read_folder(folder: str, root: str | None, column: str) -> tuple[pd.DataFrame, str]:
    """Return every clip below a folder, sorted by path."""
    if root is not None and are_archives(root):
        raise UserError(f"{folder} is a folder, and {root} are archives: give a manifest or a list of their members")
    if root is not None and not is_url(root):
        refuse_no_folder(Path(root), "the video folder")
    root = (folder if root is None else root).rstrip("/") or "/"
    beginning = PurePosixPath(relative_to(root, folder))
    with reading(folder):
        sizes = dict(_remote_files(folder) if is_url(folder) else _local_files(folder))
    paths = sorted(sizes)
    return clip_table([str(beginning / path) for path in paths], [sizes[path] for path in paths]), root


def _local_files(folder: str, above: tuple[tuple[int, int], ...] = (), prefix: str = "") -> Iterator[tuple[str, int]]:
    """Yield path and size of every clip below a folder. Links are followed, but not in a circle."""
    with reading(folder):  # an error names the folder that cannot be read, however deep it is
        status = Path(folder).stat()
        here = (status.st_dev, status.st_ino)
        if here in above:
            return
        with os.scandir(folder) as opened:
            entries = list(opened)
        for entry in entries:
            if entry.name.startswith("."):  # such as ._clip.avi, which macOS writes beside clip.avi
                continue
            if entry.is_dir():
                yield from _local_files(entry.path, (*above, here), f"{prefix}{entry.name}/")
            elif is_clip(entry.name):
                yield prefix + entry.name, file_size(entry.path)


def _remote_files(folder: str) -> Iterator[tuple[str, int]]:
    files, path = filesystem(folder)
    found = files.find(path, detail=True)
    if not found:
        files.ls(path)  # raises the errors that `find` ignores
    for name, facts in found.items():
        relative = relative_name(name, path)
        if is_clip(PurePosixPath(relative).name):
            yield relative, facts.get("size") or 0


FOLDER = ClipSource(_is_folder, _read_folder)
