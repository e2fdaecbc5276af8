"""NTU RGB+D 60: skeleton files under the cross-subject and the cross-view protocol.

The name of a file, SsssCcccPpppRrrrAaaa, has setup, camera, subject (performer), replication and action. The training
subjects, the 302 names of missing or incomplete skeletons and the class names are from the authors' repository
(shahroudy/NTURGB-D). The counts of both protocols do not include the 302.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from common.errors import UserError
from manifests.datasets.clip_files import find_clips, missing_sentence
from manifests.datasets.data_set import Archives, DataSet
from manifests.datasets.hold_out import hold_out as hold_out_subjects
from manifests.manifest import COLUMNS, Manifest, check

_DATA = Path(__file__).parent / "ntu60_data"
_NAME = r"S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})R(?P<replication>\d{3})A(?P<action>\d{3})"
_LAST = {"setup": 17, "camera": 3, "subject": 40, "replication": 2, "action": 60}  # each counts from 1
_SUBJECTS = frozenset(range(1, 41))
_CAMERAS = frozenset(range(1, 4))

# Some training subjects are in one of the 17 setups, others in nearly all. These two are in at least five and four
# setups, as the list of the 302 shows. So they have 8 % of the training clips of cross-subject, or somewhat more.
HOLD_OUT = (27, 28)


@dataclass(frozen=True)
class Protocol:
    """The training subjects and cameras (all other clips are test clips), and the counts (train + validation, test)."""

    subjects: frozenset[int]
    cameras: frozenset[int]
    counts: tuple[int, int]


PROTOCOLS = {
    "ntu60-xsub": Protocol(
        frozenset({1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38}), _CAMERAS, (40091, 16487)
    ),
    "ntu60-xview": Protocol(_SUBJECTS, frozenset({2, 3}), (37646, 18932)),
}


def class_order() -> tuple[str, ...]:
    """Return the 60 class names in the authors' order; index 0 is A001, drink water."""
    return tuple((_DATA / "classes.txt").read_text(encoding="utf-8").splitlines())


def missing_skeletons() -> frozenset[str]:
    """Return the 302 names that the authors list as missing or incomplete."""
    return frozenset((_DATA / "missing.txt").read_text(encoding="utf-8").split())


def build(folder: Path, protocol: str, *, hold_out: Collection[int] | None = None) -> tuple[Manifest, list[str]]:
    """Make the manifest of the NTU RGB+D 60 skeleton files in a folder, at any depth.

    Files of NTU RGB+D 120 (setups from 18, actions from 61) and the 302 incomplete skeletons are left out. If the
    number of clips is not the published one, the protocol is named `<protocol>-subset`.

    Args:
        folder: paths in the manifest are relative to it.
        protocol: a key of `PROTOCOLS`.
        hold_out: training subjects to use for validation; None: `HOLD_OUT`. See `hold_out` for the name.

    Returns:
        The manifest, with the columns setup, camera, subject and replication; and sentences about files that were
        left out and clips that are missing.

    Raises:
        UserError: unknown protocol, a held-out subject that is not a training subject, no such folder, two files
            for one clip, an empty split, more clips than the data set has.
    """
    if protocol not in PROTOCOLS:
        raise UserError(f"no protocol {protocol!r}; known: {', '.join(PROTOCOLS)}")
    rule = PROTOCOLS[protocol]
    validation, name = hold_out_subjects(protocol, rule.subjects, HOLD_OUT, hold_out)

    clips, sentences = _usable(folder)
    trained = clips["subject"].isin(rule.subjects) & clips["camera"].isin(rule.cameras)
    split = pd.Series("train", index=clips.index).where(~clips["subject"].isin(validation), "validation")
    counts, whole = (int(trained.sum()), int((~trained).sum())), sum(rule.counts)
    if any(here > published for here, published in zip(counts, rule.counts, strict=True)):
        raise UserError(
            f"{folder} gives {counts} clips to train on and to test, and {protocol} has {rule.counts}: there are "
            "files in it that are named like clips of NTU RGB+D 60 and are none"
        )
    if counts != rule.counts:
        name += "-subset"
        sentences.append(missing_sentence(folder, whole - len(clips), whole, list(_gaps(clips))))
    order = class_order()
    clips = clips.assign(
        label=clips["action"] - 1,
        class_name=[order[action - 1] for action in clips["action"]],
        group=clips["clip_id"].str[8:12],  # the subject as in the name: P001
        split=split.where(trained, "test"),
        protocol=name,
    )
    manifest = Manifest(clips[[*COLUMNS, "subject", "camera", "setup", "replication"]], order)
    check(manifest.clips, manifest.classes, f"NTU RGB+D 60 in {folder}")
    return manifest, sentences


def _usable(folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the usable clips of a folder by name, with the numbers in the names; and sentences about the others."""
    found = find_clips(folder, rf"({_NAME})\.skeleton")
    clips = pd.DataFrame({"clip_id": sorted(found), "path": [found[name] for name in sorted(found)]}, dtype=str)
    clips = clips.join(clips["clip_id"].str.extract(_NAME).astype(int))
    foreign = pd.Series(False, index=clips.index)
    for part, last in _LAST.items():
        foreign |= ~clips[part].between(1, last)
    unusable = clips["clip_id"].isin(missing_skeletons())
    sentences = []
    if foreign.any():
        sentences.append(f"{foreign.sum()} files are not of NTU RGB+D 60 (of 120, perhaps) and were left out")
    if unusable.any():
        sentences.append(
            f"{unusable.sum()} of the 302 recordings whose skeletons are missing or incomplete were left out"
        )
    clips = clips[~foreign & ~unusable].reset_index(drop=True)
    if clips.empty:
        raise UserError(f"no skeleton file of NTU RGB+D 60 (S001C001P001R001A001.skeleton, …) is in {folder}")
    return clips, sentences


def _gaps(clips: pd.DataFrame) -> Iterator[str]:
    """Yield the missing clips of the pairs of setup and subject that have clips.

    Each pair has every action twice, with all cameras (158 pairs make the 56,880 names), so the other clips of a pair
    are known. No list of the pairs is published, so a pair without any clip is not found.
    """
    there = {*clips["clip_id"], *missing_skeletons()}
    for setup, subject in sorted(set(zip(clips["setup"], clips["subject"], strict=True))):
        for camera in sorted(_CAMERAS):
            for replication in (1, 2):
                for action in range(1, _LAST["action"] + 1):
                    name = f"S{setup:03d}C{camera:03d}P{subject:03d}R{replication:03d}A{action:03d}"
                    if name not in there:
                        yield name


NTU60 = DataSet(
    title="NTU RGB+D 60",
    protocols=tuple(PROTOCOLS),
    builder=build,
    files="Folder of the .skeleton files, searched at any depth.",
    folder="/data/nturgb+d_skeletons",
    sizes={name: (_LAST["action"], *rule.counts) for name, rule in PROTOCOLS.items()},
    archives=Archives(
        where=(
            "ask for access at https://rose1.ntu.edu.sg/dataset/actionRecognition (a signed form, so nobody else can "
            "give you the files), download nturgbd_skeletons_s001_to_s017.zip (5.8 GB), and give it to this command; "
            "of its 56,880 skeletons 302 are listed as missing or incomplete and are left out, so 56,578 count"
        ),
        checksums={"nturgbd_skeletons_s001_to_s017.zip": "md5:67d9e24f858e5736a9826a2065e229fe"},  # of several loaders
    ),
)
