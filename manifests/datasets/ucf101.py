"""UCF101: all 13,320 clips, the official class order, and the protocols as group ranges.

The clip list and frame counts come from the public optical-flow lists (bryanyzhu/two-stream-pytorch), whose
counts are one below the decoded number of frames. The official splits 1-3 are group ranges too: test groups
1-7, 8-14, 15-21.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from common.errors import UserError
from common.files import refuse_no_folder
from manifests.datasets.clip_files import all_below, missing_sentence
from manifests.datasets.data_set import Archives, DataSet
from manifests.manifest import SPLITS, Manifest, check

_DATA = Path(__file__).parent / "ucf101_data"
_VIDEO_SUFFIXES = {".avi", ".mp4", ".mkv", ".webm", ".mov"}
_ALL_GROUPS = frozenset(range(1, 26))
_CLASS_LIST = "classInd.txt"  # of UCF101's split lists


@dataclass(frozen=True)
class Protocol:
    """The validation and test groups, all others being training groups, and the numbers of clips of the three."""

    validation: frozenset[int]
    test: frozenset[int]
    counts: tuple[int, int, int]

    def split_of(self, group: int) -> str:
        """Return the split a group of clips belongs to."""
        return "test" if group in self.test else "validation" if group in self.validation else "train"


PROTOCOLS = {
    # Papers on early action prediction: groups 1-15 / 16-18 / 19-25 (paper, section 3.1).
    "ucf101-early-15-3-7": Protocol(frozenset(range(16, 19)), frozenset(range(19, 26)), (8056, 1582, 3682)),
    # The official splits for recognition, without a validation split (hold groups out for it).
    "ucf101-split1": Protocol(frozenset(), frozenset(range(1, 8)), (9537, 0, 3783)),
    "ucf101-split2": Protocol(frozenset(), frozenset(range(8, 15)), (9586, 0, 3734)),
    "ucf101-split3": Protocol(frozenset(), frozenset(range(15, 22)), (9624, 0, 3696)),
}


def class_order() -> tuple[str, ...]:
    """Return the 101 class names in the order of the official classInd list; index 0 is ApplyEyeMakeup."""
    return tuple((_DATA / "classes.txt").read_text(encoding="utf-8").split())


def complete(protocol: str, hold_out: Collection[int] = ()) -> Manifest:
    """Return the whole data set under a protocol, and check its counts.

    Args:
        protocol: a key of `PROTOCOLS`.
        hold_out: training groups to use for validation; they become part of the protocol's name
            (`ucf101-split1-holdout-23-24-25`).

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
    folder: Path,
    protocol: str,
    *,
    classes: Sequence[str] | None = None,
    compact: bool = False,
    hold_out: Collection[int] | None = None,
) -> tuple[Manifest, list[str]]:
    """Make the manifest of the UCF101 clips in a folder, at any depth.

    Files are matched to the official list by name without regard to case, so both spellings of HandstandPushups are
    found. If a clip is missing, the protocol is named `<protocol>-subset`.

    Args:
        folder: paths in the manifest are relative to it.
        protocol: a key of `PROTOCOLS`.
        classes: names of the classes wanted; None: all.
        compact: renumber the classes wanted 0, 1, … in official order, instead of keeping official indices.
        hold_out: see `complete`; None: no group.

    Returns:
        The manifest, and a sentence about the clips wanted that are not in the folder.

    Raises:
        UserError: no such folder or class, two files for one clip, an empty split.
    """
    whole = complete(protocol, hold_out or ())
    order = whole.classes
    unknown = [name for name in classes or () if name not in order]
    if unknown:
        raise UserError(f"class {unknown[0]!r} is not one of UCF101's; names are written as in its classInd list")
    wanted = whole.clips[whole.clips["class_name"].isin(order if classes is None else classes)]

    found = _find_videos(folder, set(whole.clips["clip_id"].str.lower()))
    path = wanted["clip_id"].str.lower().map(found)
    missing = wanted.loc[path.isna(), "clip_id"].tolist()
    clips = wanted.assign(path=path)[path.notna()].reset_index(drop=True)
    if clips.empty:
        raise UserError(f"none of the {len(wanted)} UCF101 clips wanted is in {folder}")
    if len(clips) < len(whole.clips):
        clips["protocol"] += "-subset"
    if compact:
        order = tuple(name for name in order if name in set(clips["class_name"]))
        clips["label"] = clips["class_name"].map({name: label for label, name in enumerate(order)})
    manifest = Manifest(clips, order)
    check(manifest.clips, manifest.classes, f"UCF101 in {folder}")
    return manifest, [missing_sentence(folder, len(missing), len(wanted), missing)] if missing else []


def _find_videos(videos: Path, official: Collection[str]) -> dict[str, str]:
    """Return the files that have the names of official clips, by clip id in lower case. Other files are ignored."""
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


def compare_official_lists(folder: Path) -> list[str]:
    """Say whether UCF101's own class and split lists below a folder are equal to the lists in this project.

    The program does not need them. A user who has them can see that both are the same.

    Args:
        folder: searched at any depth; no sentence is returned if it does not have the class list.
    """
    found = sorted(folder.rglob(_CLASS_LIST))
    if not found:
        return []
    place = found[0].parent
    names = {_CLASS_LIST: {f"{number} {name}" for number, name in enumerate(class_order(), start=1)}}
    for split in (1, 2, 3):
        clips = complete(f"ucf101-split{split}").clips
        for name in ("train", "test"):
            names[f"{name}list0{split}.txt"] = set(clips.loc[clips["split"] == name, "path"])
    other = []
    for name, ours in names.items():
        path = place / name
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []
        # A line of the lists is "Class/clip.avi"; in those for training, the class's number follows.
        theirs = {line.strip() if name == _CLASS_LIST else line.split()[0] for line in lines if line.strip()}
        if theirs != ours:
            other.append(name)
    if other:
        return [
            f"{', '.join(other)} in {place} differ from the project's lists: they are damaged or other lists; the "
            "program does not need them"
        ]
    return [f"UCF101's own lists in {place} are the ones that come with the project"]


def _size(rule: Protocol) -> tuple[int, int, int]:
    train, validation, test = rule.counts
    return 101, train + validation, test


UCF101 = DataSet(
    title="UCF101",
    protocols=tuple(PROTOCOLS),
    builder=build,
    subset_builder=build,
    files="Folder of the UCF101 videos, searched at any depth.",
    folder="/data/UCF-101",
    group_unit="group",
    group_example="23,24,25",
    sizes={name: _size(PROTOCOLS[name]) for name in ("ucf101-early-15-3-7", "ucf101-split1")},
    archives=Archives(
        where=(
            "download UCF101.rar (7 GB) from https://www.crcv.ucf.edu/data/UCF101/UCF101.rar under its owners' terms, "
            "and give it to this command; the split lists beside it, UCF101TrainTestSplits-RecognitionTask.zip, are "
            "not needed"
        ),
        checksums={  # of torchvision's prototype data sets, and of the second in TensorFlow Datasets too
            "UCF101.rar": "sha256:ca8dfadb4c891cb11316f94d52b6b0ac2a11994e67a0cae227180cd160bd8e55",
            "UCF101TrainTestSplits-RecognitionTask.zip": (
                "sha256:5c0d1a53b8ed364a2ac830a73f405e51bece7d98ce1254fd19ed4a36b224bd27"
            ),
        },
        remarks=compare_official_lists,
    ),
)
