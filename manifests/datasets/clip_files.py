"""Find the clips in a folder by the names of their files, with one path column for each kind of recording.

The file of each data set has the patterns of the names and the list of the clips.
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
        UserError: a folder cannot be read. (The method `rglob` of pathlib would skip it.)
    """

    def refuse(error: OSError) -> None:
        raise UserError(f"cannot read {error.filename}: {error.strerror}; look at its owner and mode") from error

    return sorted(
        Path(place, name) for place, folders, files in os.walk(folder, onerror=refuse) for name in (*folders, *files)
    )


def find_clips(folder: Path, pattern: str) -> dict[str, str]:
    """Return the files below a folder whose whole name matches a pattern: clip id → relative path.

    Args:
        folder: searched at any depth.
        pattern: a regular expression; its first group is the clip id.

    Raises:
        UserError: the folder does not exist, or a clip has two files.
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


def paths_of_clips(
    folder: Path, wanted: Sequence[str], kinds: Mapping[str, Mapping[str, str]]
) -> tuple[pd.DataFrame, list[str]]:
    """Return the paths of the clips that have files, in the order of `wanted`, and sentences about the others.

    The clips are those of the first kind that has files, and its paths are the column `path`. This kind, and every
    other kind that has a file of each of these clips, is also a column `path_<kind>`. A kind with fewer files is left
    out, with a sentence.

    Args:
        folder: the folder that was searched, for the sentences.
        wanted: the ids of all clips of the data set.
        kinds: by kind of recording: clip id → path.

    Returns:
        Columns clip_id, path, path_<kind>, …; and sentences.

    Raises:
        UserError: no clip has a file of any kind.
    """
    there = {kind: [clip for clip in wanted if clip in paths] for kind, paths in kinds.items()}
    first = next((kind for kind in kinds if there[kind]), None)
    if first is None:
        raise UserError(f"none of the {len(wanted)} clips wanted is in {folder}")
    clips, sentences = there[first], []
    if len(clips) < len(wanted):
        missing = [clip for clip in wanted if clip not in kinds[first]]
        sentences.append(missing_sentence(folder, len(missing), len(wanted), missing))
    table = {"clip_id": clips, "path": [kinds[first][clip] for clip in clips]}
    for kind, paths in kinds.items():
        gaps = [clip for clip in clips if clip not in paths]
        if not gaps:
            table[f"path_{kind}"] = [paths[clip] for clip in clips]
        elif there[kind]:
            sentences.append(f"no column path_{kind}: {len(gaps)} of the {len(clips)} clips have none, as {gaps[0]}")
    return pd.DataFrame(table), sentences


def missing_sentence(folder: Path, number: int, wanted: int, examples: Sequence[str]) -> str:
    """Return the sentence about missing clips, with the first of the `examples`."""
    first = f"; the first: {', '.join(examples[:3])}" if examples else ""
    return f"{number} of the {wanted} clips are not in {folder}{first}"
