"""The planned clips on disk: one list in the manifest's order, and the same rows sorted by shard.

`clips.csv` has the manifest's order, which is the order of the cache. `shards.csv` has the same rows without a header,
sorted by shard, and `shards.json` has the place and the checksums of each shard's rows. So a worker reads the clips of
its own shard alone, whatever the number of clips. These two files follow from `clips.csv`: where they are missing,
damaged, or of another list, `clips.csv` is read instead. Old runs have no such files. Only lists with pieces of files
have the columns of `PIECE`, so that the lists of other runs stay as they were.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from common.errors import UserError
from common.files import atomic_write, sha256_of, write_text
from extract.shards.checked_json import dump_checked, load_checked
from extract.sources.listing import has_pieces, pieces_of
from manifests.pieces import identity

NUMBERS = ("frames", "bytes", "offset", "shard")
COLUMNS = ("clip_id", "path", "frames", "bytes", "archive", "offset", "shard")
PIECE = ("start", "end")
KINDS = {column: "int64" if column in (*NUMBERS, *PIECE) else "str" for column in (*COLUMNS, *PIECE)}
SPECIAL = re.compile('[,"\r\n]')  # a cell with one of these may need quotes
ROWS_AT_ONCE = 1 << 15  # while a whole list is read in the manifest's order
SHARD_ROWS, SHARD_INDEX = "shards.csv", "shards.json"


class ShardList(BaseModel):
    """The rows of one shard in `shards.csv`.

    Attributes:
        clips: number of rows.
        fingerprint: `shard_sha256` of the clips.
        start: the place of the first byte.
        bytes: their size.
        sha256: checksum of these bytes.
    """

    model_config = ConfigDict(frozen=True)

    clips: int
    fingerprint: str
    start: int = 0
    bytes: int = 0
    sha256: str = ""


class _Index(BaseModel):
    clips_sha256: str
    shards: tuple[ShardList, ...]


def clip_lines(clips: pd.DataFrame) -> list[str]:
    """Return the rows of `clips.csv` without their ends. The text is that of pandas, in half of its time."""
    return list(map(",".join, zip(*(_cells(clips[column]) for column in _columns(clips)), strict=True)))


def clips_text(clips: pd.DataFrame, lines: list[str]) -> str:
    """Return the text of `clips.csv` from its clips and their rows."""
    return "\n".join([",".join(_columns(clips)), *lines, ""])


def text_sha256(text: str) -> str:
    """Return the checksum of a text that is written as UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def shard_sha256(clips: pd.DataFrame) -> str:
    """Return the fingerprint of a shard's clips. The shard's completion record is valid only for these clips."""
    return _fingerprint(identity(clips["clip_id"].tolist(), clips["path"].tolist(), pieces_of(clips)))


def read_planned_clips(path: Path, sha256: str) -> pd.DataFrame:
    """Read `clips.csv` and verify its checksum.

    Raises:
        UserError: the file cannot be read, or does not have the checksum that the plan gives.
    """
    _verify(path, sha256)
    return _parse(path)


@dataclass(frozen=True)
class PlannedIds:
    """The ids of all clips in the manifest's order, read in pieces: memory does not grow with the number of clips.

    Attributes:
        path: of `clips.csv`.
        sha256: its checksum.
        clips: number of rows.
    """

    path: Path
    sha256: str
    clips: int

    def __len__(self) -> int:
        return self.clips

    def __iter__(self) -> Iterator[str]:
        """Yield the ids.

        Raises:
            UserError: as `read_planned_clips`.
        """
        return (clip_id for clip_id, _ in self.with_shards())

    def verify(self) -> None:
        """Verify the checksum of the file.

        Raises:
            UserError: as `read_planned_clips`.
        """
        _verify(self.path, self.sha256)

    def with_shards(self) -> Iterator[tuple[str, int]]:
        """Yield each id and the clip's shard.

        Raises:
            UserError: as `read_planned_clips`.
        """
        self.verify()
        kinds = {column: KINDS[column] for column in ("clip_id", "shard")}
        with pd.read_csv(
            self.path, usecols=list(kinds), dtype=kinds, keep_default_na=False, chunksize=ROWS_AT_ONCE
        ) as pieces:
            for piece in pieces:
                yield from zip(piece["clip_id"].tolist(), piece["shard"].tolist(), strict=True)


def write_shard_lists(folder: Path, clips: pd.DataFrame, lines: list[str], clips_sha256: str, num_shards: int) -> None:
    """Write `shards.csv` and `shards.json`.

    Args:
        folder: the run folder.
        clips: all planned clips with their shards, in the manifest's order.
        lines: their `clip_lines`.
        clips_sha256: checksum of `clips.csv`.
        num_shards: how many shards the run has.
    """
    rows = clips.groupby("shard").indices
    names = identity(clips["clip_id"].tolist(), clips["path"].tolist(), pieces_of(clips))
    lists, start = list[ShardList](), 0
    with atomic_write(folder / SHARD_ROWS) as temporary, temporary.open("wb") as file:
        for number in range(num_shards):
            own = np.sort(rows.get(number, np.empty(0, np.int64))).tolist()
            content = "".join(f"{lines[row]}\n" for row in own).encode()
            file.write(content)
            sha256 = hashlib.sha256(content).hexdigest()
            fingerprint = _fingerprint([names[row] for row in own])
            lists.append(
                ShardList(clips=len(own), fingerprint=fingerprint, start=start, bytes=len(content), sha256=sha256)
            )
            start += len(content)
    index = _Index(clips_sha256=clips_sha256, shards=tuple(lists))
    write_text(folder / SHARD_INDEX, dump_checked(index.model_dump()))


def read_shard_lists(folder: Path, clips_sha256: str) -> tuple[ShardList, ...] | None:
    """Return the places of the shards' rows; None where the files are missing or belong to another list of clips."""
    try:
        index = _Index.model_validate(load_checked((folder / SHARD_INDEX).read_bytes()))
        size = (folder / SHARD_ROWS).stat().st_size
    except (OSError, ValueError):
        return None
    whole = index.clips_sha256 == clips_sha256 and size == sum(each.bytes for each in index.shards)
    return index.shards if whole else None


def read_shard_rows(folder: Path, own: ShardList) -> pd.DataFrame | None:
    """Return the clips of one shard, in the manifest's order; None where its rows are damaged."""
    try:
        with (folder / SHARD_ROWS).open("rb") as file:
            file.seek(own.start)
            content = file.read(own.bytes)
    except OSError:
        return None
    cells = len(next(csv.reader(io.StringIO(content.decode())), COLUMNS))
    header = ",".join((*COLUMNS, *PIECE)[:cells]) + "\n"
    return _parse(io.BytesIO(header.encode() + content)) if hashlib.sha256(content).hexdigest() == own.sha256 else None


def _verify(path: Path, sha256: str) -> None:
    try:
        found = sha256_of(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; plan again with the same clips") from error
    if found != sha256:
        raise UserError(f"{path} is not what was planned; plan again with the same clips, and it is written anew")


def _parse(source: Path | io.BytesIO) -> pd.DataFrame:
    clips = pd.read_csv(source, dtype=KINDS, keep_default_na=False)
    return clips if set(PIECE) <= set(clips) else clips.assign(**dict.fromkeys(PIECE, 0))


def _columns(clips: pd.DataFrame) -> tuple[str, ...]:
    return (*COLUMNS, *PIECE) if has_pieces(clips) else COLUMNS


def _fingerprint(lines: list[str]) -> str:
    return text_sha256("".join(f"{line}\n" for line in lines))


def _cells(column: "pd.Series[str]") -> Iterator[str]:
    if column.name in (*NUMBERS, *PIECE):
        return map(str, column.tolist())
    values = column.tolist()
    return map(_quoted, values) if SPECIAL.search("\0".join(values)) else iter(values)


def _quoted(value: str) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([value, ""])
    return text.getvalue()[: -len(",\n")]
