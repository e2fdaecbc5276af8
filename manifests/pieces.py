"""Clips that are pieces of longer videos: the columns `start` and `end` of a manifest, in seconds.

Seconds and not frames, because annotations have seconds, players show them, and a number of frames means something else
in every decoder. Second 0 is the first frame that is shown. A piece has the frames whose time t is start <= t < end, so
two pieces that touch share no frame. Times are compared in whole milliseconds: annotations are rounded, and so are the
time stamps of some containers (Matroska, WebM), and a frame must not be lost by that.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, NamedTuple

from common.errors import UserError

if TYPE_CHECKING:
    import pandas as pd  # decode workers use `Piece`, and start faster without it

COLUMNS = ("start", "end")
_SECONDS = re.compile(r"[0-9]{1,7}(\.[0-9]*)?")  # up to 115 days


class Piece(NamedTuple):
    """A part of a recording.

    Attributes:
        start: its first millisecond.
        end: the millisecond after its last one; 0: it ends with the recording.
    """

    start: int
    end: int

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the recording."""
        return self == WHOLE

    def __str__(self) -> str:
        """Return the piece in seconds, as in `1.500-3.250`."""
        return f"{self.start / 1000:.3f}-{f'{self.end / 1000:.3f}' if self.end else ''}"


WHOLE = Piece(0, 0)


def read_pieces(clips: "pd.DataFrame", name: str) -> list[Piece]:
    """Return the piece of each clip; a clip without times is its whole recording.

    Args:
        clips: the cells of a CSV as strings, with or without the columns `start` and `end`. An empty start is 0, and an
            empty end is the end of the recording.
        name: of the CSV, for the sentences.

    Raises:
        UserError: a cell is not a number of seconds, or a piece ends before it begins; with the row.
    """
    if not set(COLUMNS) & set(clips):
        return [WHOLE] * len(clips)
    columns = [clips[column].astype(str).tolist() if column in clips else [""] * len(clips) for column in COLUMNS]
    return [_piece(start, end, f"{name}, row {row}") for row, (start, end) in enumerate(zip(*columns, strict=True), 2)]


def _piece(start: str, end: str, where: str) -> Piece:
    piece = Piece(_milliseconds(start, f"{where}, column start"), _milliseconds(end, f"{where}, column end"))
    if end.strip() and piece.end <= piece.start:
        raise UserError(
            f"{where}: the piece ends at {end.strip()} s, which is not after its start at {start.strip() or 0} s; "
            "leave the end empty for a piece up to the end of the file"
        )
    return piece


def _milliseconds(cell: str, where: str) -> int:
    text = cell.strip()
    if text and not _SECONDS.fullmatch(text):
        raise UserError(f"{where}: {cell!r} is not a number of seconds, as 12.5; of 1:30 write 90")
    return int((Decimal(text or 0) * 1000).to_integral_value(ROUND_HALF_UP))


def overlap(one: Piece, other: Piece) -> bool:
    """Tell whether two pieces of one recording have time in common."""
    return (not other.end or one.start < other.end) and (not one.end or other.start < one.end)


def identity(clip_ids: Iterable[str], paths: Iterable[str], pieces: Sequence[Piece]) -> list[str]:
    """Return a line for each clip that says what it is: its id, its file, and its piece if it is not the whole file."""
    rows = zip(clip_ids, paths, pieces, strict=True)
    return [f"{clip}\t{path}" + ("" if piece.is_whole else f"\t{piece}") for clip, path, piece in rows]
