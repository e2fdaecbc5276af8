"""Something-Something V2: 220,847 videos of 174 actions with objects, from its JSON lists (Goyal et al., ICCV 2017).

The test clips are those of the official validation list, as in the literature: the labels of the official test clips
are not in the lists. `something-v2-21` has 21 of the classes. TemPr's code (Stergiou and Damen, CVPR 2023) names them
for what the literature calls SSsub21. It takes the clips from version 1, so this protocol has other clips.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from common.errors import UserError
from common.files import refuse_no_folder
from manifests.datasets.clip_files import all_below, find_clips
from manifests.datasets.data_set import DataSet
from manifests.datasets.listed_clips import listed_manifest, read_json, read_json_list, refuse_counts
from manifests.datasets.source_hold_out import hold_out_sources
from manifests.manifest import Manifest

TITLE, NUM_CLASSES = "Something-Something V2", 174
COUNTS = {"train": 168913, "test": 24777}
LISTS = {"train": "train", "test": "validation"}  # split → official list
WHOLE, SUBSET = PROTOCOLS = ("something-v2", "something-v2-21")
CLASSES_21 = frozenset(
    {
        "Closing something",
        "Holding something",
        "Opening something",
        "Picking something up",
        "Poking a stack of something so the stack collapses",
        "Poking a stack of something without the stack collapsing",
        "Pretending to open something without actually opening it",
        "Pretending to sprinkle air onto something",
        "Pretending to turn something upside down",
        "Pulling something from left to right",
        "Pulling two ends of something so that it gets stretched",
        "Pulling two ends of something so that it separates into two pieces",
        "Pushing something from left to right",
        "Putting something into something",
        "Putting something on the edge of something so it is not supported and falls down",
        "Putting something similar to other things that are already on the table",
        "Putting something upright on the table",
        "Showing a photo of something to the camera",
        "Showing something behind something",
        "Stuffing something into something",
        "Turning something upside down",
    }
)


def build(folder: Path, protocol: str, *, hold_out: Collection[int] | None = None) -> tuple[Manifest, list[str]]:
    """Make the manifest of the videos `<number>.webm` in a folder, at any depth.

    If a clip is missing, the protocol is named `<protocol>-subset`.

    Args:
        folder: has the videos and the lists of labels, training and validation clips; paths are relative to it.
        protocol: one of `PROTOCOLS`.
        hold_out: None: a tenth of the training clips, see `source_hold_out`; empty: none.

    Returns:
        The manifest, and sentences about missing clips. Nothing tells which clips one person filmed.

    Raises:
        UserError: unknown protocol, no such folder, a list is missing, twice there or damaged, a clip has two files,
            numbers were given to hold out, an empty split.
    """
    if protocol not in PROTOCOLS:
        raise UserError(f"no protocol {protocol!r}; known: {', '.join(PROTOCOLS)}")
    refuse_no_folder(folder)
    below = all_below(folder)
    classes = _classes(read_json(folder, below, _names("labels")), folder)
    known = frozenset(classes)
    rows = [
        (*_clip(row, known, name), "", split)
        for split, name in LISTS.items()
        for row in read_json_list(folder, below, _names(name))
    ]
    listed = pd.DataFrame(rows, columns=["clip_id", "class_name", "group", "split"])
    refuse_counts(listed, COUNTS, folder)
    names, ids, splits = (listed[column].tolist() for column in ("class_name", "clip_id", "split"))
    listed = listed.assign(split=hold_out_sources(protocol, names, ids, splits, hold_out))
    if protocol == SUBSET:
        classes = [name for name in classes if name in CLASSES_21]
        listed = listed[listed["class_name"].isin(CLASSES_21)].reset_index(drop=True)
    found = {"video": find_clips(folder, r"(\d+)\.webm")}
    return listed_manifest(folder, TITLE, protocol, listed, classes, found)


def _names(name: str) -> tuple[str, str]:
    """Return what a list is called in the first release and in the present one."""
    return f"something-something-v2-{name}.json", f"{name}.json"


def _classes(labels: Any, folder: Path) -> list[str]:
    """Return the classes in the order of their official numbers."""
    numbers = {str(number): str(name) for name, number in labels.items()} if isinstance(labels, dict) else {}
    classes = [numbers.get(str(number), "") for number in range(NUM_CLASSES)]
    if len(numbers) != NUM_CLASSES or "" in classes or not set(classes) >= CLASSES_21:
        raise UserError(
            f"the list of labels in {folder} does not number {NUM_CLASSES} classes from 0, or is of another version; "
            "get it again"
        )
    return classes


def _clip(row: Any, classes: Collection[str], name: str) -> tuple[str, str]:
    """Return the id and the class of a clip of a list; the class is the template without its brackets."""
    if not isinstance(row, dict) or not str(row.get("id", "")).isdecimal():
        raise UserError(f"the {name} list has {row!r}, which has no id; get the list again")
    class_name = str(row.get("template", "")).replace("[", "").replace("]", "")
    if class_name not in classes:
        raise UserError(f"the {name} list gives clip {row['id']} the template {class_name!r}, which is no class")
    return str(row["id"]), class_name


SOMETHING_V2 = DataSet(
    title=TITLE,
    protocols=PROTOCOLS,
    builder=build,
    files="Folder with the .webm videos and the JSON lists, searched at any depth.",
    folder="/data/something-v2",
    group_unit="clip",
    sizes={WHOLE: (NUM_CLASSES, COUNTS["train"], COUNTS["test"])},
)
