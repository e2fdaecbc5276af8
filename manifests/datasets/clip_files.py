"""Which clips are in a folder, and in which ways each is seen: found by name, one path column a way.

What the names are called, and which clips there should be, stands with each data set. No file is opened here.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from common.errors import UserError
from common.files import refuse_no_folder


def all_below(folder: Path) -> list[Path]:
    """Return the files and folders below a folder, at any depth, sorted. Links to folders are not followed.

    Raises:
        UserError: a folder may not be read; pathlib's `rglob` passes over it.
    """

    def refuse(error: OSError) -> None:
        raise UserError(f"cannot read {error.filename}: {error.strerror}; look at its owner and mode") from error

    return sorted(
        Path(place, name) for place, folders, files in os.walk(folder, onerror=refuse) for name in (*folders, *files)
    )


def find_clips(folder: Path, pattern: str) -> dict[str, str]:
    """Return the files whose whole name matches, at any depth: clip id (the pattern's first group) → relative path.

    Raises:
        UserError: no such folder, two files for one clip.
    """
    refuse_no_folder(folder)
    name = re.compile(pattern)
    found: dict[str, str] = {}
    for file in all_below(folder):
        match = name.fullmatch(file.name)
        if match is None:
            continue
        relative = file.relative_to(folder).as_posix()
        other = found.setdefault(match[1], relative)
        if other != relative:
            raise UserError(f"two files for one clip in {folder}: {other} and {relative}; keep one")
    return found


def path_table(
    folder: Path, wanted: Sequence[str], kinds: Mapping[str, Mapping[str, str]]
) -> tuple[pd.DataFrame, list[str]]:
    """Return the paths of the clips that are there, in the order wanted, and what is to be said about the others.

    The first kind that is there at all decides which clips are there, and is `path`. It and every further kind that
    has a file of each of these clips is a column `path_<kind>`; a kind with gaps is left out, and that is said.

    Args:
        folder: where they were looked for, for the sentences.
        wanted: ids of all the clips there should be.
        kinds: of each way that a clip is seen: clip id → path.

    Returns:
        Columns clip_id, path, path_<kind>, …; and sentences.

    Raises:
        UserError: none of the clips wanted is there in any kind.
    """
    there = {kind: [clip for clip in wanted if clip in paths] for kind, paths in kinds.items()}
    first = next((kind for kind in kinds if there[kind]), None)
    if first is None:
        raise UserError(f"none of the {len(wanted)} clips wanted is in {folder}")
    clips, said = there[first], []
    if len(clips) < len(wanted):
        missing = [clip for clip in wanted if clip not in kinds[first]]
        said.append(say_missing(folder, len(missing), len(wanted), missing))
    table = {"clip_id": clips, "path": [kinds[first][clip] for clip in clips]}
    for kind, paths in kinds.items():
        gaps = [clip for clip in clips if clip not in paths]
        if not gaps:
            table[f"path_{kind}"] = [paths[clip] for clip in clips]
        elif there[kind]:
            said.append(f"no column path_{kind}: {len(gaps)} of the {len(clips)} clips have none, as {gaps[0]}")
    return pd.DataFrame(table), said


def say_missing(folder: Path, number: int, wanted: int, examples: Sequence[str]) -> str:
    """Return the sentence about clips that are not there, naming the first of the `examples`."""
    first = f"; the first: {', '.join(examples[:3])}" if examples else ""
    return f"{number} of the {wanted} clips are not in {folder}{first}"
