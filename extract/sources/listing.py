"""List the clips of a run: `list_clips` finds the kind of source and returns one table of clips.

No video is opened here; archives are read for the places of their members. `fetch` copies clips for the decoder, and
`extract.shards.run_plan` assigns them to shards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from common.errors import UserError
from extract.sources.archive_clips import ARCHIVES
from extract.sources.clip_list import LIST
from extract.sources.clip_source import ClipSource
from extract.sources.folder import FOLDER
from manifests.file_kinds import suffix_of
from manifests.manifest import clips_sha256
from manifests.pieces import WHOLE, Piece

CLASHES_SHOWN = 20  # pairs of clips that would have the same name
SOURCES: dict[str, ClipSource] = {"archives": ARCHIVES, "folder": FOLDER, "list": LIST}  # the first that matches reads


@dataclass(frozen=True)
class Listing:
    """The clips of a run.

    Attributes:
        videos: the folder, or the beginning of the URLs, that paths and archives are relative to.
        clips: one row a clip, in order: clip_id; path, in the archive where there is one; frames, that the manifest
            gives, and bytes (0: unknown); archive ("": a file of its own); offset of its first byte in the archive;
            start and end, the milliseconds of its `manifests.pieces.Piece`.
        fingerprint: as of a manifest with these ids, paths and pieces.
    """

    videos: str
    clips: pd.DataFrame
    fingerprint: str


def list_clips(clips: str, videos: str | None, column: str = "path") -> Listing:
    """Return the clips of a source.

    Args:
        clips: a manifest (.csv), of which only the paths, `clip_id` and `num_frames` are read, the last two if it has
            them; a folder, for every video and skeleton file below it; a text file with a path in each line
            (# begins a comment, unless a file has that name); tar archives as in `archives`; each also as a URL that
            fsspec reads.
        videos: what the paths are relative to: a folder, a URL, or tar archives that have them as members. None: the
            folder itself, the archives' folder, or what a list of absolute paths or URLs has in common.
        column: which paths of a manifest.

    Raises:
        UserError: a source does not exist or cannot be read; a path leads out of the root; two clips have one name.
    """
    clips = clips.removeprefix("file://")
    root = None if videos is None else videos.removeprefix("file://")
    source = next(source for source in SOURCES.values() if source.matches(clips))
    table, root = source.read(clips, root, column)
    if table.empty:
        raise UserError(f"no clips in {clips}: {source.if_empty}")
    if "clip_id" not in table:
        table.insert(0, "clip_id", _names(table["path"], pieces_of(table)))
    table = table[["clip_id", "path", "frames", "bytes", "archive", "offset", "start", "end"]]
    return Listing(root, table, clips_sha256(table["clip_id"].tolist(), table["path"].tolist(), pieces_of(table)))


def has_pieces(table: pd.DataFrame) -> bool:
    """Tell whether a clip of a table is a piece of its file. It is quick for a million clips."""
    return "start" in table and bool(table[["start", "end"]].to_numpy().any())


def pieces_of(table: pd.DataFrame) -> list[Piece]:
    """Return the piece of each clip of a table; without the columns start and end, clips are whole files."""
    if not has_pieces(table):
        return [WHOLE] * len(table)
    return [Piece(start, end) for start, end in zip(table["start"].tolist(), table["end"].tolist(), strict=True)]


def _names(paths: Iterable[str], pieces: Sequence[Piece]) -> list[str]:
    """Return each clip's name: its path without a known suffix, and of a piece its times."""
    first: dict[str, str] = {}
    clashes = []
    for path, piece in zip(paths, pieces, strict=True):
        name = path.removesuffix(suffix_of(path)) + ("" if piece.is_whole else f"@{piece}")
        if not path.isprintable():
            raise UserError(f"the name {path!r} has a character that cannot be printed; rename the file")
        if name in first:
            clashes.append(f"{first[name]} and {path} would both be called {name}")
        first.setdefault(name, path)
    if clashes:
        more = f"; and {len(clashes) - CLASHES_SHOWN} more pairs" if len(clashes) > CLASHES_SHOWN else ""
        raise UserError(f"{'; '.join(clashes[:CLASHES_SHOWN])}{more}; leave one of each out, or rename it")
    return list(first)
