"""Tar archives as a source of clips: their members that are videos or skeleton files."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from extract.sources.archives import archive_names, are_archives, members
from extract.sources.clip_source import ClipSource
from extract.sources.location import join, relative_to
from manifests.file_kinds import is_clip

READ_AT_ONCE = 8  # archives; most of the time is spent waiting for headers


def _read_archives(pattern: str, root: str | None, column: str) -> tuple[pd.DataFrame, str]:
    """Return every clip of some archives, which must be below `root` if one is given."""
    folder, archives = archive_names(pattern)
    if root is not None and not are_archives(root):
        beginning = relative_to(root, folder)
        folder, archives = root, [str(PurePosixPath(beginning, archive)) for archive in archives]
    return member_table(folder, archives, None), folder


def member_table(root: str, archives: list[str], names: frozenset[str] | None) -> pd.DataFrame:
    """Return a table of the members of some archives.

    Args:
        root: folder or URL of the archives.
        archives: relative to it.
        names: the members to return; None: all that are clips.
    """

    def wanted(name: str) -> bool:
        return is_clip(PurePosixPath(name).name) if names is None else name in names

    def listed(archive: str) -> pd.DataFrame:
        found = [(member.name, member.size, member.offset) for member in members(join(root, archive), wanted)]
        table = pd.DataFrame(found, columns=["path", "bytes", "offset"]).astype({"bytes": np.int64, "offset": np.int64})
        return table.assign(frames=0, archive=archive, start=0, end=0)

    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        return pd.concat(pool.map(listed, archives), ignore_index=True)


ARCHIVES = ClipSource(are_archives, _read_archives)
