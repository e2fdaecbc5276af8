"""SYSU 3DHOI: 480 clips, in which each of 40 actors performs each of 12 activities once, under its three protocols.

`sysu-xsub-fixed` trains on actors 1-20 and tests on 21-40. Papers on early recognition report one split of 240/240
clips and do not say which; this is the likely one. `sysu-setting1-splitNN` and `sysu-setting2-splitNN` are the settings
of papers on recognition (Hu et al., CVPR 2015). Their 30 splits are not published, so they are drawn here with the
number of the split as seed. Actors are numbered by the byte order of their folders, so no id has the name of a person.
"""

import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import refuse_no_folder
from manifests.datasets.clip_files import paths_of_clips
from manifests.datasets.data_set import Archives, DataSet
from manifests.datasets.hold_out import hold_out as hold_out_subjects
from manifests.manifest import COLUMNS, Manifest, check

FIXED, SETTING_1, SETTING_2 = "sysu-xsub-fixed", "sysu-setting1-split", "sysu-setting2-split"
PROTOCOLS = (FIXED, *(f"{setting}{split:02d}" for setting in (SETTING_1, SETTING_2) for split in range(30)))
HOLD_OUT = (19, 20)  # for sysu-xsub-fixed: the last two of its twenty training actors

CLASSES = (
    "drinking",
    "pouring",
    "calling phone",
    "playing phone",
    "wearing backpacks",
    "packing backpacks",
    "sitting chair",
    "moving chair",
    "taking out wallet",
    "taking from wallet",
    "mopping",
    "sweeping",
)
_ACTORS = 40
_ROOT = "3DvideoNorm"  # the folder of the actors in the download
_NO_ACTOR = "matlabcode"  # a folder that the download has among the actors


def build(folder: Path, protocol: str, *, hold_out: Collection[int] | None = None) -> tuple[Manifest, list[str]]:
    """Make the manifest of the SYSU clips in a folder.

    A clip is a folder `<actor>/video<class>` with colour frames in `rgb` and the skeleton `sklWorld.mat`. Each of the
    two that exists for every clip is a column, path_rgb (a folder of frames) and path_skeleton; `path` is the first of
    them. If a clip is missing, the protocol is named `<protocol>-subset`.

    Args:
        folder: the folder of the actors, or one with `3DvideoNorm` in it, at most two levels down; paths in the
            manifest are relative to it.
        protocol: one of `PROTOCOLS`.
        hold_out: training subjects to use for validation; None: `HOLD_OUT` for the fixed split, the first two drawn
            for a split of setting 2, and the first two drawn of each class for a split of setting 1, where they
            cannot be chosen. See `manifests.datasets.hold_out` for the name.

    Returns:
        The manifest, with the column subject; and sentences about missing clips.

    Raises:
        UserError: unknown protocol, a held-out subject that is not a training subject, no such folder, not 40
            actors in it, an empty split.
    """
    if protocol not in PROTOCOLS:
        raise UserError(f"no protocol {protocol!r}; known: {FIXED}, {SETTING_1}00 to 29, {SETTING_2}00 to 29")
    name, split_of = _split(protocol, hold_out)

    actors = _actors(folder)
    every = {
        f"a{label + 1:02d}_{subject:02d}": (label, subject)
        for subject in range(1, _ACTORS + 1)
        for label in range(len(CLASSES))
    }
    rgb, skeleton = {}, {}
    for clip_id, (label, subject) in every.items():
        clip = actors[subject - 1] / f"video{label + 1}"
        if (clip / "rgb").is_dir() and any((clip / "rgb").iterdir()):
            rgb[clip_id] = (clip / "rgb").relative_to(folder).as_posix()
        if (clip / "sklWorld.mat").is_file():
            skeleton[clip_id] = (clip / "sklWorld.mat").relative_to(folder).as_posix()
    clips, sentences = paths_of_clips(folder, list(every), {"rgb": rgb, "skeleton": skeleton})
    labels, subjects = zip(*(every[clip_id] for clip_id in clips["clip_id"]), strict=True)
    clips = clips.assign(
        label=labels,
        class_name=[CLASSES[label] for label in labels],
        group=[f"{subject:02d}" for subject in subjects],
        split=[split_of.get(every[clip_id], "test") for clip_id in clips["clip_id"]],
        protocol=name + ("-subset" if len(clips) < len(every) else ""),
        subject=subjects,
    )
    manifest = Manifest(clips[[*COLUMNS, *(column for column in clips if column not in COLUMNS)]], CLASSES)
    check(manifest.clips, manifest.classes, f"SYSU 3DHOI in {folder}")
    return manifest, sentences


def _split(protocol: str, chosen: Collection[int] | None) -> tuple[str, dict[tuple[int, int], str]]:
    """Return the protocol's name with its hold-out, and the split of every (label, subject) that is not test."""
    if protocol.startswith(SETTING_1):
        if chosen is not None:
            raise UserError(
                f"{protocol} validates on two clips of each class and not on subjects; leave the hold-out out"
            )
        return protocol, {
            (label, subject): "validation" if subject in subjects[:2] else "train"
            for label, subjects in enumerate(_draw(protocol, len(CLASSES)))
            for subject in subjects
        }
    if protocol == FIXED:
        subjects, default = list(range(1, _ACTORS // 2 + 1)), list(HOLD_OUT)
    else:
        (subjects,) = _draw(protocol, 1)
        default = subjects[:2]
    held, name = hold_out_subjects(protocol, subjects, default, chosen)
    return name, {
        (label, subject): "validation" if subject in held else "train"
        for label in range(len(CLASSES))
        for subject in subjects
    }


def _draw(protocol: str, times: int) -> list[list[int]]:
    """Return `times` random halves of the 40 actors; the seed of the generator is the number of the split."""
    generator = np.random.default_rng(int(protocol[-2:]))
    return [(generator.permutation(_ACTORS)[: _ACTORS // 2] + 1).tolist() for _ in range(times)]


def _actors(folder: Path) -> list[Path]:
    """Return the 40 actors' folders in byte order."""
    refuse_no_folder(folder)
    roots = [folder / _ROOT, *sorted(folder.glob(f"*/{_ROOT}")), folder]
    root = next(root for root in roots if root.is_dir())
    folders = sorted(root.iterdir(), key=os.fsencode)
    actors = [path for path in folders if path.is_dir() and path.name[0] != "." and path.name != _NO_ACTOR]
    if len(actors) != _ACTORS:
        # The number of an actor is its position among all actors: without a folder, all later actors would move.
        raise UserError(
            f"{len(actors)} folders of actors are in {root}, and SYSU has {_ACTORS}; the number of an actor is its "
            "position among all of them, so add an empty folder for each actor whose clips you lack, and remove others"
        )
    return actors


SYSU = DataSet(
    title="SYSU 3DHOI",
    protocols=PROTOCOLS,
    builder=build,
    files="Folder of the actors, or one with 3DvideoNorm in it.",
    folder="/data/SYSU3DAction",
    protocol_help=f"{FIXED}, {SETTING_1}00 to 29 or {SETTING_2}00 to 29",
    sizes={FIXED: (12, 240, 240)},
    archives=Archives(
        where=(
            "download its archives from the authors' page, https://www.isee-ai.cn/~hujianfang/ProjectJOULE.html, "
            "under their terms, and give them to this command; their names and their number are not confirmed here; "
            "they must contain 3DvideoNorm/<actor>/video<1 to 12>/ with rgb/ and sklWorld.mat, of 40 actors"
        ),
        columns=("path_rgb", "path_skeleton"),
    ),
)
