"""Penn Action: 2,326 sequences of frames of 15 actions, from its MATLAB files of labels (Zhang et al., ICCV 2013).

Each label file has the class and whether the sequence is for training (1) or for testing (-1). How many there are of
each was not found in any source, and is not checked. The files' 13 joints are not read.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from common.errors import UserError
from common.files import refuse_no_folder
from manifests.datasets.clip_files import all_below
from manifests.datasets.data_set import DataSet
from manifests.datasets.listed_clips import listed_manifest
from manifests.datasets.matlab_cells import read_matlab_cells
from manifests.datasets.source_hold_out import hold_out_sources
from manifests.datasets.split_lists import is_folder_of_frames
from manifests.manifest import Manifest

TITLE, PROTOCOL, SEQUENCES = "Penn Action", "penn-action", 2326
CLASSES = (  # as in the label files; the list in the README has other names, such as pull_ups
    "baseball_pitch",
    "baseball_swing",
    "bench_press",
    "bowl",
    "clean_and_jerk",
    "golf_swing",
    "jump_rope",
    "jumping_jacks",
    "pullup",
    "pushup",
    "situp",
    "squat",
    "strum_guitar",
    "tennis_forehand",
    "tennis_serve",
)
SPLIT_OF = {"1": "train", "-1": "test"}


def build(folder: Path, protocol: str, *, hold_out: Collection[int] | None = None) -> tuple[Manifest, list[str]]:
    """Make the manifest of the sequences in a folder: `frames/0001/000001.jpg`, … and `labels/0001.mat`, ….

    If frames of a sequence are missing altogether, the protocol is named `<protocol>-subset`.

    Args:
        folder: has frames and labels, at any depth; paths in the manifest are relative to it.
        protocol: `PROTOCOL`.
        hold_out: None: a tenth of the training sequences, see `source_hold_out`; empty: none.

    Returns:
        The manifest, and sentences about missing sequences. Nothing tells which sequences are of one video.

    Raises:
        UserError: unknown protocol, no such folder, a label file is missing, twice there or damaged, a sequence has two
            folders of frames, numbers were given to hold out, an empty split.
    """
    if protocol != PROTOCOL:
        raise UserError(f"no protocol {protocol!r}; known: {PROTOCOL}")
    refuse_no_folder(folder)
    below = all_below(folder)
    labels = _named(folder, [path for path in below if re.fullmatch(r"\d{4}\.mat", path.name)])
    if len(labels) != SEQUENCES:
        raise UserError(
            f"{folder} has {len(labels)} label files (0001.mat, …) and not {SEQUENCES}; unpack the archive there"
        )
    frames = _named(folder, [path for path in below if re.fullmatch(r"\d{4}", path.name) and is_folder_of_frames(path)])
    cells = read_matlab_cells(list(labels.values()), ["action", "train"])
    for path, (action, train) in zip(labels.values(), cells, strict=True):
        if action not in CLASSES or train not in SPLIT_OF:
            raise UserError(f"{path} has the action {action!r} and train {train}; it is not of {TITLE}, or is damaged")
    listed = pd.DataFrame(
        [(name, action, "", SPLIT_OF[train]) for name, (action, train) in zip(labels, cells, strict=True)],
        columns=["clip_id", "class_name", "group", "split"],
    )
    names, ids, splits = (listed[column].tolist() for column in ("class_name", "clip_id", "split"))
    listed = listed.assign(split=hold_out_sources(protocol, names, ids, splits, hold_out))
    found = {"frames": {name: path.relative_to(folder).as_posix() for name, path in frames.items()}}
    return listed_manifest(folder, TITLE, protocol, listed, CLASSES, found)


def _named(folder: Path, paths: Sequence[Path]) -> dict[str, Path]:
    """Return paths by their names without suffix, in their order."""
    named: dict[str, Path] = {}
    for path in sorted(paths, key=lambda path: path.stem):
        other = named.setdefault(path.stem, path)
        if other != path:
            raise UserError(f"two of one name in {folder}: {other} and {path}; keep one")
    return named


PENN_ACTION = DataSet(
    title=TITLE,
    protocols=(PROTOCOL,),
    builder=build,
    files="Folder with the folders frames and labels, searched at any depth.",
    folder="/data/Penn_Action",
    group_unit="sequence",
)
