"""Import a folder of videos or skeleton files: its clips with their classes, groups and splits, as a manifest."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from common.errors import UserError, counted, first_few
from common.files import refuse_no_folder
from manifests.audit import refuse_unusable, remarks
from manifests.file_kinds import SKELETON_SUFFIXES, suffix_of
from manifests.importing.division import Shares, divide, split_counts
from manifests.importing.found_files import LeftOut
from manifests.importing.groups import Groups, groups_by_name, groups_by_regex
from manifests.importing.labelled_clips import LabelledClips, are_numbers, class_order, read_folder
from manifests.importing.labelled_list import read_list
from manifests.manifest import COLUMNS, SPLITS, Manifest, check
from manifests.pieces import COLUMNS as PIECE
from manifests.pieces import Piece, read_pieces

BY_CLIP = (
    "nothing in the names tells which clips were cut from one video or show one person, so single clips are divided. "
    "Such clips may be trained and tested on, and the accuracy is then too high for new videos; --group-regex or a CSV "
    "with the column group keeps them together"
)


@dataclass(frozen=True)
class Imported:
    """A folder as a manifest.

    Attributes:
        manifest: its clips; paths are relative to `root`.
        root: the folder of the files.
        counts: clips by class and split.
        groups: what keeps clips together, in words; "": single clips were divided, or splits were given.
        left_out: by reason, what is not a clip.
        remarks: sentences that a user should read.
    """

    manifest: Manifest
    root: Path
    counts: dict[str, dict[str, int]]
    groups: str
    left_out: LeftOut = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """Return what a user should read: what was left out, what keeps clips together, and doubts."""
        left_out = [f"left out, {reason}: {first_few(paths)}" for reason, paths in self.left_out.items()]
        doubts = [] if self.groups or "-by-clips-" not in self.manifest.protocol else [BY_CLIP]
        return [*left_out, *self.remarks, *doubts]


def import_clips(
    source: Path, name: str, *, videos: Path | None = None, shares: Shares | None = None, group_regex: str | None = None
) -> Imported:
    """Return the manifest of a folder or a CSV of clips.

    Args:
        source: a folder with a subfolder for each class, or with folders train, validation and test that have them; or
            a CSV, see `labelled_list.read_list`.
        name: begins the name of the protocol.
        videos: the folder that the paths of a CSV are relative to; None: the folder of the CSV.
        shares: of the splits that are not given; None: 15 % validation, 25 % test, seed 0.
        group_regex: its first group is the name of a clip's group; None: a usual pattern that fits the names.

    Raises:
        UserError: the source cannot be read, its clips cannot be divided, it has one class only, videos and skeletons
            are mixed, or two classes have names that some machines take for one.
    """
    labelled = _read(source, videos)
    clips = labelled.clips
    _refuse_classes(sorted(set(clips["class_name"])))
    _refuse_mixed(list(clips["path"]))
    shares = shares or Shares()
    groups = _groups(clips, group_regex)
    clips = clips.assign(group=groups.names)
    splits, how = _splits(clips, shares, groups)
    classes = class_order(clips["class_name"])
    index = {label: number for number, label in enumerate(classes)}
    clips = clips.assign(
        clip_id=_ids(list(clips["path"]), read_pieces(clips, str(source))),
        label=[index[label] for label in clips["class_name"]],
        split=splits,
        protocol=f"{name}-{how}",
    )
    columns = [*COLUMNS, *(name for name in PIECE if name in clips)]
    manifest = Manifest(clips[columns].sort_values(["label", "path"], ignore_index=True, kind="stable"), classes)
    refuse_unusable(manifest.clips, None)
    check(manifest.clips, manifest.classes, str(source))
    counts = split_counts(list(manifest.clips["class_name"]), list(manifest.clips["split"]))
    sentences = (*labelled.remarks, *groups.remarks, *_lacking(counts), *remarks(manifest.clips, None))
    return Imported(manifest, labelled.root, counts, groups.title, labelled.left_out, sentences)


def _read(source: Path, videos: Path | None) -> LabelledClips:
    if source.is_dir():
        if videos is not None:
            raise UserError(
                f"--videos is for a CSV of clips, and {source} is the folder of the clips itself; leave it out"
            )
        return read_folder(source)
    if not source.is_file():
        raise UserError(f"{source} does not exist; give a folder with a subfolder for each class, or a CSV path,label")
    if videos is not None:
        refuse_no_folder(videos, "the video folder")
    return read_list(source, videos)


def _refuse_classes(names: Sequence[str]) -> None:
    """Refuse one class, names that cannot be printed or have a space at an end, and names that are nearly the same.

    These differ in case or in accents' encoding only, or all classes are numbers and two of them are equal.
    """
    if len(names) == 1:
        raise UserError(f"all clips are of one class, {names[0]}, so there is nothing to learn; two classes are needed")
    same = defaultdict(list)
    numbers = are_numbers(names)
    for name in names:
        if not name.isprintable():
            raise UserError(f"the class {name!r} has a character that cannot be printed; rename it")
        if name != name.strip():
            raise UserError(f"the class {name!r} has a space at its beginning or end; remove the space")
        same[str(int(name)) if numbers else unicodedata.normalize("NFC", name).casefold()].append(name)
    if alike := [" and ".join(own) for own in same.values() if len(own) > 1]:
        raise UserError(f"these classes have nearly the same name: {first_few(alike)}; join or rename them")


def _refuse_mixed(paths: Sequence[str]) -> None:
    skeletons = [path for path in paths if suffix_of(path, SKELETON_SUFFIXES)]
    videos = [path for path in paths if not suffix_of(path, SKELETON_SUFFIXES)]
    if skeletons and videos:
        kinds = (counted(len(videos), "video"), counted(len(skeletons), "skeleton file"))
        raise UserError(
            f"{kinds[0]}, such as {videos[0]}, and {kinds[1]}, such as {skeletons[0]}, are mixed, and one backbone "
            "takes one kind; move one kind into a folder of its own"
        )


def _groups(clips: pd.DataFrame, group_regex: str | None) -> Groups:
    if group_regex is not None:
        return groups_by_regex(list(clips["path"]), group_regex)
    if any(clips["group"]):
        return Groups(tuple(clips["group"]), "the column group")
    groups = groups_by_name(list(clips["path"]), list(clips["inner"]), list(clips["class_name"]))
    if not groups.title and set(PIECE) <= set(clips):
        return Groups(tuple(clips["path"]), "the files of which clips are pieces", groups.remarks)
    return groups


def _splits(clips: pd.DataFrame, shares: Shares, groups: Groups) -> tuple[list[str], str]:
    """Return the split of each clip, and how clips were divided, for the name of the protocol.

    Given splits stay. A split that is not given is cut from the training clips.
    """
    given = list(clips["split"])
    if any(given) and "train" not in given:
        raise UserError(f"the given splits are {' and '.join(sorted(set(given)))}, without training clips; add these")
    wanted = {"validation": shares.validation, "test": shares.test}
    missing = {split: share for split, share in wanted.items() if split not in given}
    if not missing:
        return given, "given"
    whole = not any(given)  # no split is given at all
    training = 1.0 if whole else 1 - sum(share for split, share in wanted.items() if split in given)
    cut = {split: share / training for split, share in missing.items()}
    rows = [number for number, split in enumerate(given) if whole or split == "train"]
    own = [groups.names[row] or f"clip {clips['path'].iloc[row]}" for row in rows]
    chosen = divide(
        [clips["class_name"].iloc[row] for row in rows], own, {"train": 1 - sum(cut.values())} | cut, shares.seed
    )
    for row, split in zip(rows, chosen, strict=True):
        given[row] = split
    by = "groups" if any(groups.names) else "clips"
    sizes = "-".join(f"{split}{100 * share:g}" for split, share in missing.items())
    return given, f"{'' if whole else 'given-'}by-{by}-{sizes}-seed{shares.seed}"


def _ids(paths: Sequence[str], pieces: Sequence[Piece]) -> list[str]:
    """Return each clip's id: its path without suffix, or the whole path if another file has the same without suffix.

    The id of a piece has its times too.
    """
    stems = {path: path.removesuffix(suffix_of(path)) for path in paths}
    files = Counter(stems.values())
    names = [path if files[stems[path]] > 1 else stems[path] for path in paths]
    return [name if piece.is_whole else f"{name}@{piece}" for name, piece in zip(names, pieces, strict=True)]


def _lacking(counts: dict[str, dict[str, int]]) -> list[str]:
    """Return sentences about classes that have no clip in a split."""
    sentences = []
    for split in SPLITS:
        lacking = [name for name, own in counts.items() if not own[split]]
        if lacking:
            sentences.append(
                f"{len(lacking)} of {len(counts)} classes have no {split} clips: {first_few(lacking)}; "
                "they have too few clips or groups, or the given splits have none"
            )
    return sentences
