"""A file that lists clips as a source of them: a manifest (.csv), or a text file with a path in each line."""

import tempfile
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from common.errors import UserError
from common.file_kind import CSV, EMPTY, TEXT, kind_of
from common.files import refuse_no_folder
from extract.sources.archive_clips import member_table
from extract.sources.archives import archive_names, are_archives
from extract.sources.clip_source import ClipSource, clip_table, file_size
from extract.sources.location import filesystem, is_url, reading
from extract.sources.path_list import common_root, needs_videos, read_lines, read_paths
from manifests.file_kinds import is_clip
from manifests.manifest import read_clip_list


def _read_list(place: str, root: str | None, column: str) -> tuple[pd.DataFrame, str]:
    """Return the clips of a manifest or a list. Where `root` is archives, look up each clip's place in them."""
    _refuse_no_list(place)
    with tempfile.TemporaryDirectory() as scratch:
        file = _download(place, scratch) if is_url(place) else Path(place)
        if not place.lower().endswith(".csv"):
            lines = read_lines(file, place)
            root = common_root(lines, place) if root is None else root
            table = clip_table(read_paths(lines, place, root))
        elif root is None:
            raise UserError(needs_videos(place))
        else:
            table = _of_manifest(file, column)
    if are_archives(root):
        folder, archives = archive_names(root)
        return _with_places(table, member_table(folder, archives, frozenset(table["path"])), root), folder
    if not is_url(root):
        refuse_no_folder(Path(root), "the video folder")
        if not table["frames"].any():  # on a network file system, the size of every file takes long
            table["bytes"] = np.array([file_size(f"{root}/{path}") for path in table["path"]], np.int64)
    return table, root.rstrip("/") or "/"


def _refuse_no_list(place: str) -> None:
    """Raise a UserError where a place is missing, is a clip itself, or is a file of another kind."""
    if not is_url(place) and not Path(place).exists():
        raise UserError(f"{place} does not exist; give a manifest, a folder, a list of paths, or tar archives")
    if is_clip(PurePosixPath(place).name):
        raise UserError(f"{place} is one clip; give a folder, or a list of paths")
    if not is_url(place) and (kind := kind_of(Path(place))) not in (None, CSV, TEXT, EMPTY):
        raise UserError(f"{place} is no list of clips but {kind}; give a manifest, a folder, a list or tar archives")


def _of_manifest(file: Path, column: str) -> pd.DataFrame:
    listed = read_clip_list(file, column)
    table = clip_table(listed["path"].tolist())
    if "start" in listed:
        table = table.assign(start=listed["start"], end=listed["end"])
    if "clip_id" in listed:
        table.insert(0, "clip_id", listed["clip_id"])
    if "num_frames" in listed:
        table["frames"] = listed["num_frames"].to_numpy(np.int64)
    return table


def _with_places(table: pd.DataFrame, found: pd.DataFrame, root: str) -> pd.DataFrame:
    """Fill in where each clip's member is. A clip without a member stays a missing file, and will fail."""
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


def _download(url: str, folder: str) -> Path:
    """Copy a list or a manifest to a local folder."""
    files, path = filesystem(url)
    copy = Path(folder, PurePosixPath(path).name)
    with reading(path):
        copy.write_bytes(files.cat_file(path))
    return copy


LIST = ClipSource(lambda place: True, _read_list, if_empty="it has no line with a path")
