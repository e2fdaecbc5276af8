"""Checks of a manifest beyond the schema: files listed twice, classes without training clips, shared groups."""

from collections import Counter, defaultdict
from pathlib import Path, PurePath, PurePosixPath

import pandas as pd

from common.errors import UserError, first_few
from common.files import inside
from manifests.manifest import SPLITS, path_columns
from manifests.pieces import Piece, read_pieces


def refuse_unusable(clips: pd.DataFrame, videos: Path | None) -> None:
    """Refuse a manifest whose results would be misleading.

    Args:
        clips: the clips of a checked manifest.
        videos: the folder of its files, so that links are followed; None: paths are compared as they are written.

    Raises:
        UserError: two clips have one file, or a class has no training clips.
    """
    twice = listed_twice(clips, "path", videos)
    if twice:
        raise UserError(
            f"{_counted(len(twice), 'file')} listed more than once: {first_few(twice)}; keep one clip of each"
        )
    trained = set(clips["class_name"][clips["split"] == "train"])
    untrained = [name for name in dict.fromkeys(clips["class_name"]) if name not in trained]
    if untrained:
        raise UserError(
            f"no training clip of {len(untrained)} of {clips['class_name'].nunique()} classes: {first_few(untrained)}; "
            "add training clips, or leave out the other clips of these classes"
        )


def remarks(clips: pd.DataFrame, videos: Path | None) -> list[str]:
    """Return sentences about properties that are allowed and rarely intended.

    Args:
        clips: the clips of a checked manifest.
        videos: as in `refuse_unusable`.
    """
    sentences = []
    for column in path_columns(clips):
        if column != "path" and (twice := listed_twice(clips, column, videos)):
            sentences.append(
                f"column {column}: {_counted(len(twice), 'file')} listed more than once: {first_few(twice)}"
            )
    for column, noun in {"group": "groups", "path": "files of pieces"}.items():
        if shared := in_two_splits(clips, column):
            verb = "is" if len(shared) == 1 else "are"
            sentences.append(
                f"{len(shared)} of {clips[column].nunique()} {noun} {verb} in more than one split, so clips of one "
                f"person or scene may be trained and tested on: {first_few(shared)}"
            )
            break  # the groups are the files, or are larger
    return sentences


def listed_twice(clips: pd.DataFrame, column: str, videos: Path | None) -> list[str]:
    """Return the files (or pieces of them) that more than one clip has in a column of paths, each with its clips."""
    of_file: dict[tuple[PurePath, Piece], list[str]] = defaultdict(list)
    for clip_id, path, piece in zip(clips["clip_id"], clips[column], read_pieces(clips, "the manifest"), strict=True):
        of_file[PurePosixPath(path) if videos is None else inside(videos, path).resolve(), piece].append(clip_id)
    return [f"{file} ({' and '.join(ids)})" for (file, _), ids in of_file.items() if len(ids) > 1]


def missing_files(clips: pd.DataFrame, videos: Path) -> list[str]:
    """Return the paths of a manifest, of all its path columns, that lead to no file or folder of frames in `videos`."""
    paths = dict.fromkeys(path for column in path_columns(clips) for path in clips[column])
    return [path for path in paths if not _exists(inside(videos, path))]


def in_two_splits(clips: pd.DataFrame, column: str) -> list[str]:
    """Return the groups (or files) with clips in more than one split, each with the counts. An empty name is none."""
    of_group: dict[str, Counter[str]] = defaultdict(Counter)
    for group, split in zip(clips[column].astype(str), clips["split"], strict=True):
        of_group[group][split] += 1
    return [
        f"{group} ({', '.join(f'{own[split]} {split}' for split in SPLITS if split in own)})"
        for group, own in of_group.items()
        if group and len(own) > 1
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun} is" if count == 1 else f"{count} {noun}s are"


def _exists(path: Path) -> bool:
    """Return whether a path is a file, or a folder of frames that is not empty."""
    return path.is_file() or (path.is_dir() and any(path.iterdir()))
