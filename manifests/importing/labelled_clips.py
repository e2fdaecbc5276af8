"""The clips of a folder with their classes, from the names of the folders that they are in.

A subfolder is a class. If the subfolders are `train`, `validation` and `test` (or `val`), they are splits, and the
folders in them are the classes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from common.errors import UserError, counted, first_few
from manifests.importing.found_files import FoundFiles, LeftOut, find_files

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
NO_CLASS = "in no class folder"


@dataclass(frozen=True)
class LabelledClips:
    """Clips before they are divided.

    Attributes:
        clips: path (relative to `root`), class_name, inner (the part of the path that may name a group), split and
            group ("": not given); start and end, if a clip is a piece of its file.
        root: the folder of the files.
        left_out: by reason, what is not a clip.
        remarks: sentences about the classes.
    """

    clips: pd.DataFrame
    root: Path
    left_out: LeftOut
    remarks: tuple[str, ...] = ()


def read_folder(folder: Path) -> LabelledClips:
    """Return the clips of a folder whose subfolders are the classes, or the splits with the classes in them.

    Raises:
        UserError: there is no such folder, it has no clips, or its subfolders are splits and classes mixed.
    """
    found = find_files(folder)
    depth = 1 if _are_splits(found) else 0
    rows, lost = [], []
    for path in found.clips:
        *folders, _ = parts = path.split("/")
        if len(folders) <= depth:
            lost.append(path)
            continue
        split = SPLIT_NAMES[parts[0].lower()] if depth else ""
        rows.append((path, parts[depth], "/".join(parts[depth + 1 :]), split, ""))
    left_out = found.left_out | ({NO_CLASS: lost} if lost else {})
    if not rows:
        raise UserError(
            f"no clips in {folder}: every class needs a subfolder with its videos or skeleton files"
            + "".join(f"; {len(paths)} {reason}: {first_few(paths)}" for reason, paths in left_out.items())
        )
    clips = pd.DataFrame(rows, columns=["path", "class_name", "inner", "split", "group"])
    empty = sorted(
        {name.split("/")[depth] for name in found.folders if name.count("/") >= depth} - {*clips["class_name"]}
    )
    remarks = (f"no clips in {counted(len(empty), 'class folder')}: {first_few(empty)}",) if empty else ()
    return LabelledClips(clips, folder, left_out, remarks)


def class_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return the classes in the order of their indices: sorted by name, or by value if all are whole numbers.

    So the classes 0 to 26 of a list keep their numbers: 10 comes after 9, and not after 1.
    """
    different = sorted(set(names))
    return tuple(sorted(different, key=int) if are_numbers(different) else different)


def are_numbers(names: Iterable[str]) -> bool:
    """Return whether all names are whole numbers."""
    return all(name.isascii() and name.isdecimal() for name in names)


def _are_splits(found: FoundFiles) -> bool:
    """Return whether the subfolders that have clips are splits and not classes.

    They are if `train` is alone or beside another split, or if all subfolders are splits and only `train` is missing.
    """
    top = {path.split("/")[0] for path in found.clips if "/" in path}
    splits = {name for name in top if name.lower() in SPLIT_NAMES}
    kinds = {SPLIT_NAMES[name.lower()] for name in splits}
    if len(kinds) < 2 and (len(top) > 1 or "train" not in kinds):
        return False
    if "train" not in kinds and top - splits:
        return False
    if others := sorted(top - splits):
        raise UserError(
            f"{first_few(sorted(splits))} are splits, and {first_few(others)} beside them are not; "
            "move the others into a split, or write a CSV with the columns path,label,split"
        )
    return True
