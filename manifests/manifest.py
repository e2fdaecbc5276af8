"""The manifest: a CSV with one row a clip, typed and checked, and the class order beside it.

Columns: clip_id, path (relative to the video root), label, class_name, group, split, protocol; a data set
may add more (num_frames, subject, camera). Where a clip is seen in several ways, further columns named
`path_<something>` (path_skeleton) hold paths too, under the same rules. The class order stands in
`<manifest>.classes.txt`, one name a line, and decides every index; it is never derived from a folder listing.
No builders here.
"""

import hashlib
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from common.errors import UserError
from common.file_kind import CSV, TEXT, kind_of
from common.files import inside, write_text

COLUMNS = ("clip_id", "path", "label", "class_name", "group", "split", "protocol")
SPLITS = ("train", "validation", "test")
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}  # of other tables than ours


@dataclass(frozen=True)
class Manifest:
    """Clips with their labels and splits under one protocol.

    Attributes:
        clips: one row a clip, with at least `COLUMNS`.
        classes: class names in the data set's order; a clip's label indexes it.
    """

    clips: pd.DataFrame
    classes: tuple[str, ...]

    @property
    def protocol(self) -> str:
        """The protocol's name, part of every number made with it."""
        return str(self.clips["protocol"].iloc[0])

    @property
    def sha256(self) -> str:
        """The fingerprint of the column `path`."""
        return self.fingerprint()

    def fingerprint(self, column: str = "path") -> str:
        """Return the sha256 of what extraction sees: clip ids and paths, in order. Labels and splits are not in it.

        Args:
            column: which paths, where a clip is seen in several ways.

        Raises:
            UserError: no such column of paths, naming those there are.
        """
        columns = path_columns(self.clips)
        if column not in columns:
            raise UserError(f"no column {column!r} of paths in the manifest; there is {', '.join(columns)}")
        rows = "\n".join(
            f"{clip}\t{path}" for clip, path in zip(self.clips["clip_id"], self.clips[column], strict=True)
        )
        return hashlib.sha256(rows.encode()).hexdigest()

    def split(self, name: str) -> pd.DataFrame:
        """Return the clips of one split.

        Raises:
            UserError: the split is empty, with what to do about it.
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


def labels_sha256(rows: Iterable[tuple[str, str, int]]) -> str:
    """Fingerprint of which clips stand in which split with which label: rows of split, clip id, label, in order."""
    return hashlib.sha256("\n".join(f"{split}\t{clip}\t{label}" for split, clip, label in rows).encode()).hexdigest()


def classes_path(manifest: Path) -> Path:
    """Return where the class order of a manifest stands: `ucf101.csv` → `ucf101.classes.txt`."""
    return manifest.with_suffix(".classes.txt")


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Check a manifest and write it to `path`, its class order first beside it."""
    check(manifest.clips, manifest.classes, str(path))
    write_text(classes_path(path), "".join(f"{name}\n" for name in manifest.classes))
    write_text(path, manifest.clips.to_csv(index=False, lineterminator="\n"))


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest and the class order beside it.

    Raises:
        UserError: the file is missing or not a CSV, or breaks a rule of `check`.
    """
    clips = _read_cells(path)
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
    """Read what an extraction needs of a manifest. Labels and splits need not be there, and are not looked at.

    Args:
        path: the CSV; no class order is needed beside it.
        column: which paths.

    Returns:
        One row a clip, in order: `path`; `clip_id` and `num_frames` (int) where the file has them.

    Raises:
        UserError: the file is missing or not a CSV, has no such column of paths or no rows, a clip id stands twice, or
            a path leads out of the root.
    """
    clips = _read_cells(path)
    columns = path_columns(clips)
    if column not in columns:
        there = f"there is {', '.join(columns)}" if columns else f"its columns are {', '.join(clips.columns)}"
        raise UserError(f"no column {column!r} of paths in the manifest {path}; {there}")
    if clips.empty:
        raise UserError(f"{path}: no clips in it")
    listed = pd.DataFrame({"path": clips[column]})
    if "clip_id" in clips:
        _check_ids(clips, str(path))
        listed.insert(0, "clip_id", clips["clip_id"])
    _check_paths(clips, column, str(path))
    # num_frames counts the frames of `path`; another recording of the same clip may have more or fewer
    if "num_frames" in clips and column == "path":
        _check_num_frames(clips, str(path))
        listed["num_frames"] = clips["num_frames"].astype(int)
    return listed


def _read_cells(path: Path) -> pd.DataFrame:
    """Read a CSV as text: `007` is not `7`. An empty cell is an empty string.

    Raises:
        UserError: the file is missing, of another kind, not in UTF-8, or a CSV with other separators than commas.
    """
    if not path.exists():
        raise UserError(f"{path} is missing; a manifest is NAME.csv with NAME.classes.txt beside it")
    kind = kind_of(path)
    if kind not in (None, CSV, TEXT):
        raise UserError(f"{path} is not a manifest but {kind}; give a CSV in UTF-8 with NAME.classes.txt beside it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows with more cells than the header
            cells = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"cannot read the manifest {path}: it is not in UTF-8 ({error}); save it in UTF-8") from error
    except (OSError, ValueError, pd.errors.ParserWarning) as error:
        _refuse_other_separator(path)  # with commas in the cells pandas may have stumbled over it
        raise UserError(f"cannot read the manifest {path}: {error}") from error
    _refuse_other_separator(path)
    return cells


def _refuse_other_separator(path: Path) -> None:
    """Refuse a table whose header is no header with commas, but one with semicolons, tabs or bars.

    Raises:
        UserError: naming the separator.
    """
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    cells = {name: header.strip().split(sign) for sign, name in SEPARATORS.items()}
    if not set(COLUMNS) & {cell.strip('" ') for cell in header.strip().split(",")}:
        for name, columns in cells.items():
            if set(COLUMNS) & {cell.strip('" ') for cell in columns}:
                raise UserError(
                    f"{path}: its columns are separated by {name}; a manifest has commas: save it with them"
                )


def check(clips: pd.DataFrame, classes: Sequence[str], name: str) -> None:
    """Check every rule of the schema; `name` is what errors call the manifest.

    Raises:
        UserError: missing column, no rows, duplicate id, a path out of the root, a class or split that does
            not exist, a label against the class order, an empty train or test split, more than one protocol;
            naming the row (1 is the header, as an editor counts) and the column.
    """
    missing = [column for column in COLUMNS if column not in clips]
    if missing:
        raise UserError(f"{name}: column {missing[0]!r} is missing; the schema is {', '.join(COLUMNS)}")
    if clips.empty:
        raise UserError(f"{name}: no clips in it")
    if len(set(classes)) != len(classes):
        raise UserError(f"{name}: the class order names a class twice")
    order = {class_name: str(index) for index, class_name in enumerate(classes)}
    _check_ids(clips, name)
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
    for column in path_columns(clips):
        _check_paths(clips, column, name)
        _check_splits_of_paths(clips, column, name)
    if "num_frames" in clips:
        _check_num_frames(clips, name)
    for split in ("train", "test"):
        if split not in set(clips["split"]):
            raise UserError(f"{name}, column split: no clip of split {split!r}")
    protocols = sorted(set(clips["protocol"]))
    if len(protocols) > 1:
        raise UserError(f"{name}, column protocol: more than one: {', '.join(protocols)}")


def _check_ids(clips: pd.DataFrame, name: str) -> None:
    """Check that every clip has an id of its own that can be printed."""
    first_row: dict[str, int] = {}
    for row, clip_id in enumerate(clips["clip_id"].astype(str), start=2):
        where = f"{name}, row {row}, column clip_id"
        if not clip_id or not clip_id.isprintable():
            raise UserError(f"{where}: {'empty' if not clip_id else f'{clip_id!r} has a control character'}")
        if clip_id in first_row:
            raise UserError(f"{where}: {clip_id!r} stands in row {first_row[clip_id]} already")
        first_row[clip_id] = row


def _check_paths(clips: pd.DataFrame, column: str, name: str) -> None:
    """Check that every path of a column stays inside the root."""
    for row, path in enumerate(clips[column].astype(str), start=2):
        where = f"{name}, row {row}, column {column}"
        if not path:
            raise UserError(f"{where}: empty")
        try:
            inside(Path(), path)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error


def _check_splits_of_paths(clips: pd.DataFrame, column: str, name: str) -> None:
    """Check that no path of a column is used by two splits, however it is written (`a.avi` and `./a.avi` are one)."""
    first_use: dict[PurePosixPath, tuple[int, str]] = {}  # of a path: its row and split
    for row, (path, split) in enumerate(zip(clips[column].astype(str), clips["split"], strict=True), start=2):
        other_row, other_split = first_use.setdefault(PurePosixPath(path), (row, split))
        if other_split != split:
            raise UserError(
                f"{name}, row {row}, column {column}: {path} is a {split} clip here and a {other_split} clip in row "
                f"{other_row}"
            )


def _check_num_frames(clips: pd.DataFrame, name: str) -> None:
    for row, frames in enumerate(clips["num_frames"].astype(str), start=2):
        if not frames.isdecimal() or len(frames) > 9:
            raise UserError(f"{name}, row {row}, column num_frames: {frames!r} is not a number of frames")
