"""The rules for single columns of a manifest: clip ids, paths, numbers of frames."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from common.errors import UserError
from common.files import inside, leads_out
from manifests.pieces import Piece, overlap


def check_ids(clips: pd.DataFrame, name: str) -> None:
    """Check that every clip has an id, that ids are unique and have printable characters only.

    Raises:
        UserError: with the row and the column; `name` is the manifest's in the sentence. This is so for each check.
    """
    ids = clips["clip_id"].astype(str).tolist()
    if all(ids) and all(map(str.isprintable, ids)) and len(set(ids)) == len(ids):
        return
    first_row: dict[str, int] = {}
    for row, clip_id in enumerate(ids, start=2):
        where = f"{name}, row {row}, column clip_id"
        if not clip_id or not clip_id.isprintable():
            raise UserError(f"{where}: {'empty' if not clip_id else f'{clip_id!r} has a control character'}")
        if clip_id in first_row:
            raise UserError(f"{where}: {clip_id!r} is already in row {first_row[clip_id]}")
        first_row[clip_id] = row


def check_paths(clips: pd.DataFrame, column: str, name: str) -> None:
    """Check that every path of a column stays inside the root."""
    for row, path in enumerate(clips[column].astype(str).tolist(), start=2):
        if path and not leads_out(path):
            continue
        where = f"{name}, row {row}, column {column}"
        if not path:
            raise UserError(f"{where}: empty")
        try:
            inside(Path(), path)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error


def check_splits_of_paths(clips: pd.DataFrame, column: str, pieces: Sequence[Piece], name: str) -> None:
    """Check that no path of a column is in two splits; `a.avi` and `./a.avi` are the same path.

    Pieces of one file may be in two splits if they have no time in common.
    """
    uses: dict[PurePosixPath, dict[str, list[tuple[int, Piece]]]] = defaultdict(dict)  # path → split → row, piece
    for row, (path, split, piece) in enumerate(zip(clips[column].astype(str), clips["split"], pieces, strict=True), 2):
        of_path = uses[PurePosixPath(path)]
        for other_split, others in of_path.items():
            for other_row, other in others if other_split != split else ():
                if overlap(piece, other):
                    both = "" if piece.is_whole and other.is_whole else f", seconds {piece} and {other},"
                    raise UserError(
                        f"{name}, row {row}, column {column}: {path}{both} is a {split} clip here and a {other_split} "
                        f"clip in row {other_row}"
                    )
        of_path.setdefault(split, []).append((row, piece))


def check_num_frames(clips: pd.DataFrame, name: str) -> None:
    """Check that the column num_frames holds whole numbers."""
    for row, frames in enumerate(clips["num_frames"].astype(str).tolist(), start=2):
        if not frames.isdecimal() or len(frames) > 9:
            raise UserError(f"{name}, row {row}, column num_frames: {frames!r} is not a number of frames")
