"""Write the data set: a video and a skeleton of each clip, and the manifest at the end.

The random values of a clip depend on the seed and on the clip's number only, so a run that was killed can resume.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from common.errors import UserError
from common.files import atomic_write, inside, write_text
from manifests.manifest import COLUMNS, SPLITS, Manifest, check, write_manifest
from manifests.stick_figures import PROTOCOL
from manifests.stick_figures.actions import ACTIONS, Action, joint_positions
from manifests.stick_figures.drawing import draw_frames
from manifests.stick_figures.variation import ClipVariation, Performer, draw_performer, draw_variation
from manifests.stick_figures.video import check_size, write_video

CLIPS_PER_CLASS: Mapping[str, int] = MappingProxyType({"train": 24, "validation": 8, "test": 12})
_TIMING = ("num_frames", "start_frame", "branch_frame", "family")  # the columns that `bound` needs
_CLIPS_PER_PERFORMER = 3  # in each class
_STAMP = "drawn_with.txt"  # the version, seed and size of all clips in a folder; written before them


@dataclass(frozen=True)
class Clip:
    """A clip, by its class, its split and its number in both."""

    action: Action
    split: str
    number: int

    @property
    def performer_id(self) -> str:
        """The performer's name. Each performer performs every class equally often, and in one split only."""
        return f"{self.split}{self._performer:02d}"

    @property
    def clip_id(self) -> str:
        """The clip's name, unique in the data set."""
        return f"{self.action.name}_{self.performer_id}_{self.number % _CLIPS_PER_PERFORMER}"

    @property
    def path(self) -> str:
        """The video's file, relative to the data set's folder."""
        return f"{self.action.name}/{self.clip_id}.avi"

    @property
    def skeleton_path(self) -> str:
        """The skeleton's file, relative to the data set's folder."""
        return f"{self.action.name}/{self.clip_id}.npy"

    def performer(self, seed: int) -> Performer:
        """Return the performer."""
        return draw_performer(np.random.default_rng((0, seed, SPLITS.index(self.split), self._performer)))

    def variation(self, seed: int) -> ClipVariation:
        """Return the variation, drawn independently for every clip, from the same distribution for every class."""
        label = ACTIONS.index(self.action)
        return draw_variation(np.random.default_rng((1, seed, SPLITS.index(self.split), label, self.number)))

    @property
    def _performer(self) -> int:
        return self.number // _CLIPS_PER_PERFORMER


def draw_data_set(
    folder: Path,
    *,
    clips_per_class: Mapping[str, int] = CLIPS_PER_CLASS,
    seed: int = 0,
    size: tuple[int, int] = (160, 120),
) -> Path:
    """Draw the videos `folder/<class_name>/<clip_id>.avi` and write `folder/manifest.csv`; return its path.

    Each video has a skeleton beside it, `<clip_id>.npy`: float32 joints (T, 20, 3) in metres, in the order and axes of
    `skeleton`. The axes belong to the performer, so a skeleton does not depend on the view of the video.

    Files that exist are not written again, so a run that was killed resumes.

    Args:
        folder: the root of the manifest's paths; it is made if it is missing.
        clips_per_class: the number of clips of each class, by split; a missing split is empty.
        seed: the seed of everything random.
        size: (width, height) in pixels.

    Raises:
        UserError: an unknown split, an empty training or test split, an impossible size, a negative number, or a
            folder with videos of another seed, size or version.
    """
    check_size(size)
    if seed < 0:
        raise UserError(f"seed {seed} is negative; give 0 or more")
    clips = _plan(clips_per_class)
    manifest = _manifest(clips, seed)
    path = folder / "manifest.csv"
    check(manifest.clips, manifest.classes, str(path))

    _stamp(folder, f"{PROTOCOL}, seed {seed}, {size[0]}x{size[1]} pixels")
    for clip in clips:
        video = inside(folder, clip.path)
        if not video.exists():
            write_video(draw_frames(clip.action, clip.performer(seed), clip.variation(seed), size), video, size)
        skeleton = inside(folder, clip.skeleton_path)
        if not skeleton.exists():
            _write_skeleton(clip, seed, skeleton)
    write_manifest(manifest, path)
    return path


def _write_skeleton(clip: Clip, seed: int, path: Path) -> None:
    joints = joint_positions(clip.action, clip.performer(seed).body, clip.variation(seed))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.save(file, joints.astype(np.float32, order="C"))


def _plan(clips_per_class: Mapping[str, int]) -> list[Clip]:
    for split, count in clips_per_class.items():
        if split not in SPLITS:
            raise UserError(f"{split!r} is no split; the splits are {', '.join(SPLITS)}")
        if count < 0:
            raise UserError(f"{count} clips of a class for split {split!r}; give 0 or more")
    return [
        Clip(action, split, number)
        for split in SPLITS
        for action in ACTIONS
        for number in range(clips_per_class.get(split, 0))
    ]


def _manifest(clips: list[Clip], seed: int) -> Manifest:
    rows = []
    for clip in clips:
        variation = clip.variation(seed)
        rows.append(
            {
                "clip_id": clip.clip_id,
                "path": clip.path,
                "label": ACTIONS.index(clip.action),
                "class_name": clip.action.name,
                "group": clip.performer_id,
                "split": clip.split,
                "protocol": PROTOCOL,
                "num_frames": variation.num_frames,
                "start_frame": variation.start_frame,
                "branch_frame": variation.branch_frame,
                "family": clip.action.family,
                "path_skeleton": clip.skeleton_path,
            }
        )
    return Manifest(
        pd.DataFrame(rows, columns=[*COLUMNS, *_TIMING, "path_skeleton"]), tuple(action.name for action in ACTIONS)
    )


def _stamp(folder: Path, drawn_with: str) -> None:
    """Write the version, seed and size of the folder's videos, and refuse a folder with others."""
    path = folder / _STAMP
    found = path.read_text(encoding="utf-8").strip() if path.exists() else drawn_with
    if found != drawn_with:
        raise UserError(f"{folder} holds videos of {found}, not of {drawn_with}; give another folder")
    write_text(path, f"{drawn_with}\n")
