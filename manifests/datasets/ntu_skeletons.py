"""NTU RGB+D 60 and 120: skeleton files with everything in their names, and the protocols of both data sets.

The name of a file, SsssCcccPpppRrrrAaaa, has setup, camera, subject (performer), replication and action. The class
names and the names of missing or incomplete skeletons are from the authors' repository (shahroudy/NTURGB-D). The counts
of the protocols do not include these skeletons.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from common.errors import UserError
from manifests.datasets.clip_files import find_clips, missing_sentence
from manifests.datasets.hold_out import hold_out as hold_out_subjects
from manifests.manifest import COLUMNS, Manifest, check

_NAME = r"S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})R(?P<replication>\d{3})A(?P<action>\d{3})"
CAMERAS, REPLICATIONS = frozenset({1, 2, 3}), (1, 2)


@dataclass(frozen=True)
class Protocol:
    """The training subjects, cameras and setups: all other clips are test clips.

    Attributes:
        counts: train + validation, and test.
        hold_out: the subjects that validate if the user chooses none.
    """

    subjects: frozenset[int]
    cameras: frozenset[int]
    setups: frozenset[int]
    counts: tuple[int, int]
    hold_out: tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """A part of a data set: each pair of setup and subject has every action twice, with all cameras."""

    setups: range
    subjects: range
    actions: range


@dataclass(frozen=True)
class NtuSet:
    """One of the two data sets.

    Attributes:
        title: its name in sentences.
        parts: what it consists of; each counts from 1.
        protocols: by name.
        classes: the class names, in the order of the actions.
        missing: the names of the skeletons that are missing or incomplete.
        foreign: what other files with such names may be, for a sentence.
    """

    title: str
    parts: tuple[Part, ...]
    protocols: Mapping[str, Protocol]
    classes: tuple[str, ...]
    missing: frozenset[str]
    foreign: str = ""

    def build(
        self, folder: Path, protocol: str, *, hold_out: Collection[int] | None = None
    ) -> tuple[Manifest, list[str]]:
        """Make the manifest of the skeleton files in a folder, at any depth.

        Files of other data sets and the incomplete skeletons are left out. If the number of clips is not the published
        one, the protocol is named `<protocol>-subset`.

        Args:
            folder: paths in the manifest are relative to it.
            protocol: a key of `protocols`.
            hold_out: training subjects to use for validation; None: those of the protocol. See `hold_out` for the name.

        Returns:
            The manifest, with the columns setup, camera, subject and replication; and sentences about files that were
            left out and clips that are missing.

        Raises:
            UserError: unknown protocol, a held-out subject that is not a training subject, no such folder, two files
                for one clip, an empty split, more clips than the data set has.
        """
        if protocol not in self.protocols:
            raise UserError(f"no protocol {protocol!r}; known: {', '.join(self.protocols)}")
        rule = self.protocols[protocol]
        validation, name = hold_out_subjects(protocol, rule.subjects, rule.hold_out, hold_out)

        clips, sentences = self._usable(folder)
        trained = pd.Series(True, index=clips.index)
        for column, training in (("subject", rule.subjects), ("camera", rule.cameras), ("setup", rule.setups)):
            trained &= clips[column].isin(training)
        split = pd.Series("train", index=clips.index).where(~clips["subject"].isin(validation), "validation")
        counts, whole = (int(trained.sum()), int((~trained).sum())), sum(rule.counts)
        if any(here > published for here, published in zip(counts, rule.counts, strict=True)):
            raise UserError(
                f"{folder} gives {counts} clips to train on and to test, and {protocol} has {rule.counts}: there are "
                f"files in it that are named like clips of {self.title} and are none"
            )
        if counts != rule.counts:
            name += "-subset"
            sentences.append(missing_sentence(folder, whole - len(clips), whole, list(self._gaps(clips))))
        clips = clips.assign(
            label=clips["action"] - 1,
            class_name=[self.classes[action - 1] for action in clips["action"]],
            group=clips["clip_id"].str[8:12],  # the subject as in the name: P001
            split=split.where(trained, "test"),
            protocol=name,
        )
        manifest = Manifest(clips[[*COLUMNS, "subject", "camera", "setup", "replication"]], self.classes)
        check(manifest.clips, manifest.classes, f"{self.title} in {folder}")
        return manifest, sentences

    def _usable(self, folder: Path) -> tuple[pd.DataFrame, list[str]]:
        """Return the usable clips of a folder by name, with the numbers in it; and sentences about the others."""
        found = find_clips(folder, rf"({_NAME})\.skeleton")
        clips = pd.DataFrame({"clip_id": sorted(found), "path": [found[name] for name in sorted(found)]}, dtype=str)
        clips = clips.join(clips["clip_id"].str.extract(_NAME).astype(int))
        own = pd.Series(False, index=clips.index)
        for part in self.parts:
            own |= (
                clips["setup"].isin(part.setups)
                & clips["subject"].isin(part.subjects)
                & clips["action"].isin(part.actions)
            )
        own &= clips["camera"].isin(CAMERAS) & clips["replication"].isin(REPLICATIONS)
        unusable = clips["clip_id"].isin(self.missing)
        sentences = []
        if not own.all():
            sentences.append(f"{(~own).sum()} files are not of {self.title}{self.foreign} and were left out")
        if unusable.any():
            sentences.append(
                f"{unusable.sum()} of the {len(self.missing)} recordings whose skeletons are missing or incomplete "
                "were left out"
            )
        clips = clips[own & ~unusable].reset_index(drop=True)
        if clips.empty:
            raise UserError(f"no skeleton file of {self.title} (S001C001P001R001A001.skeleton, …) is in {folder}")
        return clips, sentences

    def _gaps(self, clips: pd.DataFrame) -> Iterator[str]:
        """Yield the missing clips of the pairs of setup and subject that have clips.

        The other clips of a pair are known. No list of the pairs is published, so a pair without any clip is not found.
        """
        there = {*clips["clip_id"], *self.missing}
        for setup, subject in sorted(set(zip(clips["setup"], clips["subject"], strict=True))):
            actions = next(part.actions for part in self.parts if setup in part.setups)
            for camera in sorted(CAMERAS):
                for replication in REPLICATIONS:
                    for action in actions:
                        name = f"S{setup:03d}C{camera:03d}P{subject:03d}R{replication:03d}A{action:03d}"
                        if name not in there:
                            yield name


def lines_of(data: Path, name: str) -> tuple[str, ...]:
    """Return the lines of a list of the authors."""
    return tuple((data / name).read_text(encoding="utf-8").splitlines())
