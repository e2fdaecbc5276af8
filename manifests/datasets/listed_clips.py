"""From lists of clips with their classes and splits, and the files of a folder, to a manifest.

The file of each data set reads its lists. Here are the steps that they share.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from common.errors import UserError
from manifests.datasets.clip_files import paths_of_clips
from manifests.manifest import COLUMNS, Manifest, check


def read_json(folder: Path, below: Sequence[Path], names: Sequence[str]) -> Any:
    """Return the content of a JSON file that is somewhere below a folder.

    Args:
        folder: for the sentences.
        below: what is in it.
        names: what the file may be called.

    Raises:
        UserError: there is no such file, or two; or it is no JSON.
    """
    there = [path for path in below if path.name in names]
    if not there:
        raise UserError(f"{' or '.join(names)} is not in {folder}; put the lists of the data set there")
    if len(there) > 1:
        raise UserError(f"two lists of one name in {folder}: {there[0]} and {there[1]}; keep one")
    try:
        return json.loads(there[0].read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{there[0]} cannot be read as JSON: {error}; get it again") from error


def read_json_list(folder: Path, below: Sequence[Path], names: Sequence[str]) -> list[Any]:
    """Return the content of a JSON file as `read_json` does.

    Raises:
        UserError: as `read_json`; or it is no list.
    """
    content = read_json(folder, below, names)
    if not isinstance(content, list):
        raise UserError(f"{' or '.join(names)} has no list of clips; get it again")
    return content


def refuse_counts(listed: pd.DataFrame, wanted: Mapping[str, int], folder: Path) -> None:
    """Refuse lists that do not have the published numbers of clips, or have a clip twice.

    Args:
        listed: columns clip_id and split.
        wanted: split → clips.
        folder: for the sentence.

    Raises:
        UserError: so it is.
    """
    counts = {split: int((listed["split"] == split).sum()) for split in wanted}
    if counts != wanted or listed["clip_id"].duplicated().any():
        have, should = (" and ".join(f"{number} {split}" for split, number in one.items()) for one in (counts, wanted))
        twice = ", with a clip twice" if listed["clip_id"].duplicated().any() else ""
        raise UserError(
            f"the lists in {folder} have {have} clips{twice}, and not {should}: they are damaged, or of another version"
        )


def listed_manifest(
    folder: Path,
    title: str,
    protocol: str,
    listed: pd.DataFrame,
    classes: Sequence[str],
    found: Mapping[str, Mapping[str, str]],
) -> tuple[Manifest, list[str]]:
    """Return the manifest of the listed clips that have files, and sentences about the others.

    If a clip is missing, the protocol is named `<protocol>-subset`.

    Args:
        folder: paths are relative to it.
        title: the name of the data set, for errors.
        protocol: its name.
        listed: columns clip_id, class_name, group and split, one row for each clip of the protocol.
        classes: in the order of their indices.
        found: by kind of recording: clip id → path. The first kind that has files is `path`.

    Raises:
        UserError: no clip has a file, or a split is empty.
    """
    paths, sentences = paths_of_clips(folder, listed["clip_id"].tolist(), found)
    labels = {name: label for label, name in enumerate(classes)}
    clips = paths.merge(listed, on="clip_id", validate="one_to_one").assign(
        label=lambda table: table["class_name"].map(labels),
        protocol=protocol + ("-subset" if len(paths) < len(listed) else ""),
    )
    columns = [*COLUMNS, *(name for name in paths if name not in COLUMNS)]
    manifest = Manifest(clips[columns], tuple(classes))
    check(manifest.clips, manifest.classes, f"{title} in {folder}")
    return manifest, sentences
