"""UCF101: all 13,320 clips, the official class order, and the protocols as group ranges.

The clip list and frame counts come from the public optical-flow lists (bryanyzhu/two-stream-pytorch), whose
counts are one below the decoded number of frames. The official splits 1-3 are group ranges too: test groups
1-7, 8-14, 15-21. No video is opened here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from common.errors import UserError
from common.files import refuse_no_folder
from manifests.datasets.clip_files import all_below
from manifests.manifest import SPLITS, Manifest, check

_DATA = Path(__file__).parent / "ucf101_data"
_VIDEO_SUFFIXES = {".avi", ".mp4", ".mkv", ".webm", ".mov"}
_ALL_GROUPS = frozenset(range(1, 26))


@dataclass(frozen=True)
class Protocol:
    """Groups of each split, and the number of clips each must have: (train, validation, test)."""

    validation: frozenset[int]
    test: frozenset[int]
    counts: tuple[int, int, int]

    def split_of(self, group: int) -> str:
        """Return the split a group of clips belongs to."""
        return "test" if group in self.test else "validation" if group in self.validation else "train"


PROTOCOLS = {
    # Early-action-prediction literature: groups 1-15 / 16-18 / 19-25 (the paper, §3.1).
    "ucf101-early-15-3-7": Protocol(frozenset(range(16, 19)), frozenset(range(19, 26)), (8056, 1582, 3682)),
    # Official recognition splits; they have no validation part (hold groups out for one).
    "ucf101-split1": Protocol(frozenset(), frozenset(range(1, 8)), (9537, 0, 3783)),
    "ucf101-split2": Protocol(frozenset(), frozenset(range(8, 15)), (9586, 0, 3734)),
    "ucf101-split3": Protocol(frozenset(), frozenset(range(15, 22)), (9624, 0, 3696)),
}


def class_order() -> tuple[str, ...]:
    """Return the 101 class names in the order of the official classInd list; index 0 is ApplyEyeMakeup."""
    return tuple((_DATA / "classes.txt").read_text(encoding="utf-8").split())


def complete(protocol: str, hold_out: Collection[int] = ()) -> Manifest:
    """Return the whole data set under a protocol, its counts checked.

    Args:
        protocol: a key of `PROTOCOLS`.
        hold_out: training groups to use as validation, for protocols that have none; it becomes part of the
            protocol's name (`ucf101-split1-holdout-23-24-25`).

    Raises:
        UserError: unknown protocol, a held-out group that is not a training group.
    """
    if protocol not in PROTOCOLS:
        raise UserError(f"no protocol {protocol!r}; known: {', '.join(PROTOCOLS)}")
    rule = PROTOCOLS[protocol]
    wrong = [group for group in hold_out if group not in _ALL_GROUPS - rule.test - rule.validation]
    if wrong:
        raise UserError(f"group {wrong[0]} is not a training group of {protocol}; hold out training groups only")

    listed = pd.read_csv(_DATA / "clips.csv")
    parts = listed["path"].str.extract(r"^(?P<class_name>\w+)/(?P<clip_id>v_\w+_g(?P<group>\d\d)_c\d\d)\.avi$")
    group = parts["group"].astype(int)
    split = group.map(rule.split_of)
    _check_counts(protocol, split, rule.counts)
    index = {name: label for label, name in enumerate(class_order())}
    clips = pd.DataFrame(
        {
            "clip_id": parts["clip_id"],
            "path": listed["path"],
            "label": parts["class_name"].map(index),
            "class_name": parts["class_name"],
            "group": parts["group"],
            "split": split.where(~group.isin(hold_out), "validation"),
            "protocol": "-".join([protocol, *(["holdout", *map(str, sorted(hold_out))] if hold_out else [])]),
            "num_frames": listed["listed_frames"] + 1,
        }
    )
    return Manifest(clips, class_order())


def build(
    videos: Path,
    protocol: str,
    *,
    classes: Sequence[str] | None = None,
    compact: bool = False,
    hold_out: Collection[int] = (),
) -> tuple[Manifest, list[str]]:
    """Make the manifest of the UCF101 clips that are really in a folder, at any depth.

    Files are matched to the official list by name without regard to case, so both spellings of
    HandstandPushups are found. Anything less than the whole data set is named `<protocol>-subset`.

    Args:
        videos: the folder; paths in the manifest are relative to it.
        protocol: a key of `PROTOCOLS`.
        classes: names of the classes wanted; None: all.
        compact: renumber the classes wanted 0, 1, … in official order, instead of keeping official indices.
        hold_out: see `complete`.

    Returns:
        The manifest, and the clip ids wanted that are not in the folder.

    Raises:
        UserError: no such folder or class, two files for one clip, nothing of a split found.
    """
    whole = complete(protocol, hold_out)
    order = whole.classes
    unknown = [name for name in classes or () if name not in order]
    if unknown:
        raise UserError(f"class {unknown[0]!r} is not one of UCF101's; names are written as in its classInd list")
    wanted = whole.clips[whole.clips["class_name"].isin(order if classes is None else classes)]

    found = _find_videos(videos, set(whole.clips["clip_id"].str.lower()))
    path = wanted["clip_id"].str.lower().map(found)
    missing = wanted.loc[path.isna(), "clip_id"].tolist()
    clips = wanted.assign(path=path)[path.notna()].reset_index(drop=True)
    if clips.empty:
        raise UserError(f"none of the {len(wanted)} UCF101 clips wanted is in {videos}")
    if len(clips) < len(whole.clips):
        clips["protocol"] += "-subset"
    if compact:
        order = tuple(name for name in order if name in set(clips["class_name"]))
        clips["label"] = clips["class_name"].map({name: label for label, name in enumerate(order)})
    manifest = Manifest(clips, order)
    check(manifest.clips, manifest.classes, f"UCF101 in {videos}")
    return manifest, missing


def _find_videos(videos: Path, official: Collection[str]) -> dict[str, str]:
    """Return the files named like official clips, by clip id in lower case; others may be called anything."""
    refuse_no_folder(videos, "the video folder")
    found: dict[str, str] = {}
    for file in all_below(videos):
        clip_id = file.stem.lower()
        if file.suffix.lower() not in _VIDEO_SUFFIXES or clip_id not in official:
            continue
        relative = file.relative_to(videos).as_posix()
        other = found.setdefault(clip_id, relative)
        if other != relative:
            raise UserError(f"two files for one clip in {videos}: {other} and {relative}; keep one")
    return found


def _check_counts(protocol: str, split: "pd.Series[str]", counts: tuple[int, int, int]) -> None:
    found = tuple(int((split == name).sum()) for name in SPLITS)
    if found != counts:
        raise UserError(
            f"{protocol}: the clip list gives {found} clips, the protocol has {counts}; the list is damaged"
        )
