"""The manifest: a CSV with one row a clip, typed and checked, and the class order beside it.

Columns: clip_id, path (relative to the video root), label, class_name, group, split, protocol. A data set may add more
(num_frames, subject, camera). `start` and `end` make a clip a piece of its file, see `manifests.pieces`. If a clip has
several recordings, further columns named `path_<something>` (path_skeleton) hold their paths, under the same rules. The
class order is in `<manifest>.classes.txt`, one name a line, and decides every label; it is never derived from a folder
listing.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from common.errors import UserError
from common.files import write_text
from manifests.column_checks import check_ids, check_num_frames, check_paths, check_splits_of_paths
from manifests.csv_cells import read_cells
from manifests.pieces import Piece, identity, read_pieces

COLUMNS = ("clip_id", "path", "label", "class_name", "group", "split", "protocol")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Manifest:
    """The clips of a data set with their labels and splits under one protocol.

    Attributes:
        clips: one row a clip, with at least `COLUMNS`.
        classes: class names in the data set's order; a clip's label is an index into it.
    """

    clips: pd.DataFrame
    classes: tuple[str, ...]

    @property
    def protocol(self) -> str:
        """The protocol's name. Every result is reported with it."""
        return str(self.clips["protocol"].iloc[0])

    @property
    def sha256(self) -> str:
        """The fingerprint of the column `path`."""
        return self.fingerprint()

    def fingerprint(self, column: str = "path") -> str:
        """Return the sha256 of what an extraction depends on: clip ids, paths and pieces, without labels and splits.

        Args:
            column: the column of the paths, if clips have several recordings.

        Raises:
            UserError: there is no such column of paths.
        """
        columns = path_columns(self.clips)
        if column not in columns:
            raise UserError(f"no column {column!r} of paths in the manifest; there is {', '.join(columns)}")
        return clips_sha256(self.clips["clip_id"].tolist(), self.clips[column].tolist(), self.pieces)

    @property
    def pieces(self) -> list[Piece]:
        """The piece of each clip's file."""
        return read_pieces(self.clips, "the manifest")

    def split(self, name: str) -> pd.DataFrame:
        """Return the clips of one split.

        Raises:
            UserError: the split is empty.
        """
        chosen = self.clips[self.clips["split"] == name]
        if chosen.empty:
            raise UserError(
                f"split {name!r} of protocol {self.protocol} is empty"
                + (
                    "; set training groups apart for it (--hold-out of `python -m manifests`)"
                    if name == "validation"
                    else ""
                )
            )
        return chosen


def path_columns(clips: pd.DataFrame) -> list[str]:
    """Return the columns that hold paths: `path`, and each `path_<something>`."""
    return [column for column in clips.columns if re.fullmatch(r"path(_\w+)?", column)]


def clips_sha256(clip_ids: Sequence[str], paths: Sequence[str], pieces: Sequence[Piece]) -> str:
    """Return the fingerprint of clips, in their order."""
    return hashlib.sha256("\n".join(identity(clip_ids, paths, pieces)).encode()).hexdigest()


def labels_sha256(rows: Iterable[tuple[str, str, int]]) -> str:
    """Return the sha256 of rows (split, clip id, label), in their order."""
    return hashlib.sha256("\n".join(f"{split}\t{clip}\t{label}" for split, clip, label in rows).encode()).hexdigest()


def classes_path(manifest: Path) -> Path:
    """Return the file of a manifest's class order: `ucf101.csv` → `ucf101.classes.txt`."""
    return manifest.with_suffix(".classes.txt")


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Check a manifest, then write its class order and the manifest itself to `path`.

    Raises:
        UserError: it breaks a rule of `check`, or the folder cannot be written.
    """
    check(manifest.clips, manifest.classes, str(path))
    write_text(classes_path(path), "".join(f"{name}\n" for name in manifest.classes))
    write_text(path, manifest.clips.to_csv(index=False, lineterminator="\n"))


def read_manifest(path: str | Path) -> Manifest:
    """Read and check a manifest and the class order beside it.

    Args:
        path: the CSV.

    Raises:
        UserError: the file is missing or not a CSV, or breaks a rule of `check`.
    """
    path = Path(path)
    clips = read_cells(path, COLUMNS)
    try:
        classes = tuple(classes_path(path).read_text(encoding="utf-8-sig").split("\n"))
    except FileNotFoundError as error:
        raise UserError(
            f"{error.filename} is missing; a manifest is NAME.csv with NAME.classes.txt beside it"
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the class order {classes_path(path)}: {error}") from error
    classes = tuple(name for name in classes if name)
    check(clips, classes, str(path))
    numeric = [column for column in ("label", "num_frames") if column in clips]
    return Manifest(clips.astype(dict.fromkeys(numeric, int)), classes)


def read_clip_list(path: Path, column: str = "path") -> pd.DataFrame:
    """Read the part of a manifest that an extraction needs, without labels and splits, which may be missing.

    Args:
        path: the CSV; it needs no class order beside it.
        column: the column of the paths.

    Returns:
        One row a clip, in order: `path`; `clip_id` and `num_frames` (int) if the file has them; `start` and
        `end`, the milliseconds of its `Piece`, if a clip is not its whole file.

    Raises:
        UserError: the file is missing or not a CSV, has no such column of paths or no rows, has a clip id twice, or
            a path leads out of the root.
    """
    clips = read_cells(path, COLUMNS)
    columns = path_columns(clips)
    if column not in columns:
        there = f"there is {', '.join(columns)}" if columns else f"its columns are {', '.join(clips.columns)}"
        raise UserError(f"no column {column!r} of paths in the manifest {path}; {there}")
    if clips.empty:
        raise UserError(f"{path}: no clips in it")
    pieces = read_pieces(clips, str(path))
    listed = pd.DataFrame({"path": clips[column]})
    if not all(piece.is_whole for piece in pieces):
        listed = listed.assign(start=[piece.start for piece in pieces], end=[piece.end for piece in pieces])
    if "clip_id" in clips:
        check_ids(clips, str(path))
        listed.insert(0, "clip_id", clips["clip_id"])
    check_paths(clips, column, str(path))
    # num_frames counts the frames of `path`; another recording of the same clip may have more or fewer
    if "num_frames" in clips and column == "path":
        check_num_frames(clips, str(path))
        listed["num_frames"] = clips["num_frames"].astype(int)
    return listed


def check(clips: pd.DataFrame, classes: Sequence[str], name: str) -> None:
    """Check every rule of the schema.

    Args:
        clips: one row a clip.
        classes: the class order.
        name: the manifest's name in sentences.

    Raises:
        UserError: missing column, no rows, duplicate id, a path out of the root, an unknown class or split, a label
            that contradicts the class order, a piece that ends before it begins, an empty train or test split, more
            than one protocol. The sentence has the row (row 1 is the header, as in an editor) and the column.
    """
    missing = [column for column in COLUMNS if column not in clips]
    if missing:
        raise UserError(f"{name}: column {missing[0]!r} is missing; the schema is {', '.join(COLUMNS)}")
    if clips.empty:
        raise UserError(f"{name}: no clips in it")
    if len(set(classes)) != len(classes):
        raise UserError(f"{name}: the class order names a class twice")
    order = {class_name: str(index) for index, class_name in enumerate(classes)}
    check_ids(clips, name)
    rows = zip(*(clips[column].astype(str) for column in COLUMNS), strict=True)
    for row, (_clip_id, _path, label, class_name, _group, split, protocol) in enumerate(rows, start=2):
        where = f"{name}, row {row}, column"
        if class_name not in order:
            raise UserError(f"{where} class_name: {class_name!r} is not in the class order beside the manifest")
        if label != order[class_name]:
            raise UserError(
                f"{where} label: {label!r} contradicts the class order, where {class_name} is {order[class_name]}"
            )
        if split not in SPLITS:
            raise UserError(f"{where} split: {split!r} is none of {', '.join(SPLITS)}")
        if not protocol:
            raise UserError(f"{where} protocol: empty; it is part of every number")
    pieces = read_pieces(clips, name)
    for column in path_columns(clips):
        check_paths(clips, column, name)
        check_splits_of_paths(clips, column, pieces, name)
    if "num_frames" in clips:
        check_num_frames(clips, name)
    for split in ("train", "test"):
        if split not in set(clips["split"]):
            raise UserError(f"{name}, column split: no clip of split {split!r}")
    protocols = sorted(set(clips["protocol"]))
    if len(protocols) > 1:
        raise UserError(f"{name}, column protocol: more than one: {', '.join(protocols)}")
