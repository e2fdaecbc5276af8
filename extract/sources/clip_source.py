"""What every kind of source is (`ClipSource`), and the table of clips that it returns."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

import pandas as pd

from manifests.file_kinds import SUFFIXES


@dataclass(frozen=True)
class ClipSource:
    """A kind of source of clips.

    Attributes:
        matches: tells whether a path, a URL or a pattern is a source of this kind.
        read: takes the source, the root that the user gave (None: none) and the manifest's column of paths; returns
            the table of clips and the root that their paths are relative to.
        if_empty: says why there are no clips, for a source without any.
    """

    matches: Callable[[str], bool]
    read: Callable[[str, str | None, str], tuple[pd.DataFrame, str]]
    if_empty: str = f"no file there ends in {', '.join(sorted(SUFFIXES))}"


def clip_table(paths: list[str], sizes: list[int] | None = None) -> pd.DataFrame:
    """Return a table of clips that are in no archive.

    Args:
        paths: relative to the root.
        sizes: their bytes; None: unknown.

    Returns:
        The columns path, frames, bytes, archive, offset, start and end, see `extract.sources.listing.Listing`.
    """
    numbers = {"frames": 0, "bytes": sizes or 0, "archive": "", "offset": 0, "start": 0, "end": 0}
    return pd.DataFrame({"path": paths, **numbers})


def file_size(path: str) -> int:
    """Return a file's bytes; 0 for a folder of pictures and for a file that is missing, whose clip will fail."""
    try:
        status = Path(path).stat()
    except OSError:
        return 0
    return status.st_size if S_ISREG(status.st_mode) else 0
