"""Diving48: 48 kinds of dives in competitions, from its second lists (Li et al., ECCV 2018).

Only the lists called V2 are read. The name of a clip says from which video of a competition it was cut.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from common.errors import UserError
from common.files import refuse_no_folder
from manifests.datasets.clip_files import all_below, find_clips
from manifests.datasets.data_set import DataSet
from manifests.datasets.listed_clips import listed_manifest, read_json_list, refuse_counts
from manifests.datasets.source_hold_out import hold_out_sources
from manifests.manifest import Manifest

TITLE, PROTOCOL, NUM_CLASSES = "Diving48", "diving48-v2", 48
COUNTS = {"train": 15027, "test": 1970}


def build(folder: Path, protocol: str, *, hold_out: Collection[int] | None = None) -> tuple[Manifest, list[str]]:
    """Make the manifest of the videos in a folder, at any depth.

    If a clip is missing, the protocol is named `<protocol>-subset`.

    Args:
        folder: has the videos and the three JSON lists; paths are relative to it.
        protocol: `PROTOCOL`.
        hold_out: None: a tenth of the training clips, see `source_hold_out`; empty: none.

    Returns:
        The manifest, whose column group has the competition's video of each clip; and sentences about missing clips.

    Raises:
        UserError: unknown protocol, no such folder, a list is missing, twice there or damaged, a clip has two files,
            numbers were given to hold out, an empty split.
    """
    if protocol != PROTOCOL:
        raise UserError(f"no protocol {protocol!r}; known: {PROTOCOL}")
    refuse_no_folder(folder)
    below = all_below(folder)
    classes = _classes(read_json_list(folder, below, ["Diving48_vocab.json"]), folder)
    rows = [
        (*_clip(row, classes, split), split)
        for split in COUNTS
        for row in read_json_list(folder, below, [f"Diving48_V2_{split}.json"])
    ]
    listed = pd.DataFrame(rows, columns=["clip_id", "class_name", "group", "split"])
    refuse_counts(listed, COUNTS, folder)
    names, sources, splits = (listed[column].tolist() for column in ("class_name", "group", "split"))
    listed = listed.assign(split=hold_out_sources(protocol, names, sources, splits, hold_out))
    found = {"video": find_clips(folder, r"(.+)\.mp4")}
    return listed_manifest(folder, TITLE, protocol, listed, classes, found)


def _classes(vocabulary: list[Any], folder: Path) -> list[str]:
    """Return the classes in their order: each is a list of take-off, somersaults, twists and position."""
    classes = [" ".join(map(str, dive)) for dive in vocabulary if isinstance(dive, list)]
    if len(set(classes)) != NUM_CLASSES or len(vocabulary) != NUM_CLASSES:
        raise UserError(f"Diving48_vocab.json in {folder} does not have {NUM_CLASSES} classes; get it again")
    return classes


def _clip(row: Any, classes: Sequence[str], split: str) -> tuple[str, str, str]:
    """Return the id, the class and the competition's video of a clip of a list."""
    name, label = (row.get("vid_name"), row.get("label")) if isinstance(row, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(label, int) or not 0 <= label < NUM_CLASSES:
        raise UserError(f"Diving48_V2_{split}.json has {row!r}, which is no clip with a label from 0 to 47")
    return name, classes[label], re.sub(r"_\d+$", "", name)


DIVING48 = DataSet(
    title=TITLE,
    protocols=(PROTOCOL,),
    builder=build,
    files="Folder with the .mp4 videos and the JSON lists, searched at any depth.",
    folder="/data/diving48",
    group_unit="source",
    sizes={PROTOCOL: (NUM_CLASSES, COUNTS["train"], COUNTS["test"])},
)
