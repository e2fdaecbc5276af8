"""The clips of a CSV with their classes: `path,label` with optional `split`, `group`, `start` and `end`, or a list of
Kinetics, whose clips are files that are cut already.
"""

from collections import defaultdict
from pathlib import Path, PurePosixPath

import pandas as pd

from common.errors import UserError, first_few, unknown_name
from common.files import inside
from manifests.csv_cells import CLIP_LIST, read_cells
from manifests.file_kinds import suffix_of
from manifests.importing.found_files import UNPRINTABLE, LeftOut, find_files, shown, why_no_clip
from manifests.importing.labelled_clips import SPLIT_NAMES, LabelledClips
from manifests.pieces import COLUMNS as PIECE
from manifests.pieces import read_pieces

MISSING = "missing: listed, and no such file"
NO_LABEL = "without a label"
KINETICS = ("label", "youtube_id", "time_start", "time_end")


def read_list(file: Path, videos: Path | None) -> LabelledClips:
    """Return the clips of a CSV.

    Args:
        file: its columns are path and label, or those of Kinetics: label, youtube_id, time_start, time_end. The clips
            of the second are files `ID_000010_000020.mp4` anywhere below the folder of the videos.
        videos: what the paths are relative to; None: the folder of the CSV.

    Raises:
        UserError: the CSV cannot be read or lacks a column, a path leads out of the folder, a split is unknown, some
            rows have a split and others do not, or there are no clips.
    """
    root = file.parent if videos is None else videos
    cells = read_cells(file, ("path", "label", "youtube_id"), CLIP_LIST)
    kinetics = set(KINETICS) <= set(cells.columns)
    if not kinetics and not {"path", "label"} <= set(cells.columns):
        raise UserError(
            f"{file} has the columns {', '.join(cells.columns)}; a list of clips has path and label, or as Kinetics "
            f"{', '.join(KINETICS)}"
        )
    read_pieces(cells, str(file))  # refuses wrong times
    left_out: LeftOut = defaultdict(list)
    paths = _kinetics_paths(cells, root) if kinetics else [_relative(path, root) for path in cells["path"]]
    rows = []
    for path, row in zip(paths, cells.to_dict("records"), strict=True):
        _refuse_outside(path, file, root)
        if reason := _why_left_out(path, str(row["label"]), root):
            left_out[reason].append(shown(path))
            continue
        split = _split(str(row.get("split", "")), file)
        group = str(row["youtube_id"]) if kinetics else str(row.get("group", ""))
        times = [str(row.get(name, "")).strip() for name in PIECE]
        rows.append((path, str(row["label"]), path, split, group, *times))
    clips = pd.DataFrame(rows, columns=["path", "class_name", "inner", "split", "group", *PIECE])
    if not clips[list(PIECE)].any(axis=None):
        clips = clips.drop(columns=list(PIECE))
    _refuse_unusable(clips, left_out, file, root)
    return LabelledClips(clips, root, dict(sorted(left_out.items())))


def _relative(path: str, root: Path) -> str:
    """Return a path relative to the root; an absolute path may be below it."""
    if path.startswith("/") and Path(path).is_relative_to(root.absolute()):
        return Path(path).relative_to(root.absolute()).as_posix()
    return path


def _kinetics_paths(cells: pd.DataFrame, root: Path) -> list[str]:
    """Return the file of each row; of a row without one, the name that it should have."""
    by_name = {PurePosixPath(path).name.removesuffix(suffix_of(path)): path for path in find_files(root).clips}
    try:
        names = [
            f"{clip}_{int(float(start)):06d}_{int(float(end)):06d}"
            for clip, start, end in zip(*(cells[name] for name in KINETICS[1:]), strict=True)
        ]
    except ValueError as error:
        raise UserError(f"time_start and time_end must be seconds: {error}") from error
    return [by_name.get(name, f"{name}.mp4") for name in names]


def _refuse_outside(path: str, file: Path, root: Path) -> None:
    try:
        inside(root, path)
    except UserError as error:
        raise UserError(
            f"{file}: the path {shown(path)} leads out of {root}; --videos gives the folder that has all clips"
        ) from error


def _why_left_out(path: str, label: str, root: Path) -> str:
    file = inside(root, path)
    if not path.isprintable():
        return UNPRINTABLE
    if not label:
        return NO_LABEL
    if not file.exists():
        return MISSING
    return why_no_clip(file)


def _split(name: str, file: Path) -> str:
    if name and name.lower() not in SPLIT_NAMES:
        raise UserError(f"{file}, column split: {unknown_name('split', name, SPLIT_NAMES)}")
    return SPLIT_NAMES[name.lower()] if name else ""


def _refuse_unusable(clips: pd.DataFrame, left_out: LeftOut, file: Path, root: Path) -> None:
    if clips.empty:
        reasons = "".join(f"; {len(paths)} {reason}: {first_few(paths)}" for reason, paths in left_out.items())
        raise UserError(f"no clips of {file} in {root}{reasons}; --videos gives the folder that paths are relative to")
    without = int((clips["split"] == "").sum())
    if 0 < without < len(clips):
        raise UserError(f"{without} of {len(clips)} clips of {file} have no split; give one to all clips, or to none")
