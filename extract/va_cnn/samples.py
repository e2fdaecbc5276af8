"""The training samples of a VA-CNN: the segments of every clip, and the clip from its start to each segment's end.

Files are read by the decode workers of the extraction. The samples are points in memory; pictures are made from them
when the training needs them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from extract.clip import Clip
from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.pool import decode_all
from extract.skeletons.joint_list import JointList


@dataclass(frozen=True)
class Samples:
    """Clips of one split.

    Attributes:
        points: (P, 3) float32, metres, of all clips.
        stretches: (clips, N, 2, 4) int64, for each segment the segment itself and the clip up to its end; see `Clip`.
        labels: (clips,) int64.
        left_out: the files that could not be read, each with the reason.
    """

    points: Tensor
    stretches: Tensor
    labels: Tensor
    left_out: tuple[str, ...]

    @property
    def joints(self) -> int:
        """The number of joints of an actor."""
        return int(self.stretches[0, 0, 0, 2])

    @property
    def sha256(self) -> str:
        """The fingerprint of all samples."""
        digest = hashlib.sha256()
        for part in (self.points, self.stretches, self.labels):
            digest.update(part.contiguous().numpy().data)
        return digest.hexdigest()

    def to(self, device: torch.device) -> "Samples":
        """Return the same samples on a device."""
        return Samples(self.points.to(device), self.stretches.to(device), self.labels.to(device), self.left_out)


def read_samples(
    paths: Mapping[str, Path],
    labels: Mapping[str, int],
    num_segments: int,
    *,
    legacy_sequence_actors: bool = False,
    joint_list: JointList | None = None,
    workers: int = 1,
    deadline: float = 60.0,
) -> Samples:
    """Read the skeletons of clips as the extraction does. Those that cannot be read are left out and named.

    Args:
        paths: the files, by clip id.
        labels: of each clip.
        num_segments: N.
        legacy_sequence_actors: see `extract.skeletons.segment_points`.
        joint_list: of the set of skeletons; None: it has none.
        workers: number of processes that read.
        deadline: largest number of seconds for one file.
    """
    tasks = [
        DecodeTask(clip_id, str(path), num_segments, 1, "skeleton", 0, legacy_sequence_actors, joint_list=joint_list)
        for clip_id, path in paths.items()
    ]
    clips: dict[str, Clip] = {}
    left_out: dict[str, str] = {}
    for outcome in decode_all(tasks, workers=workers, deadline=deadline, ahead=64):
        if isinstance(outcome, Failure):
            left_out[outcome.clip_id] = outcome.reason
        else:
            clips[outcome[0]] = outcome[1]
    kept = [clip_id for clip_id in paths if clip_id in clips]  # the manifest's order, not that in which workers finish
    first = np.cumsum([0, *(len(clips[clip_id].content) for clip_id in kept)])
    points = np.empty((first[-1], 3), np.float32)
    stretches = np.empty((len(kept), num_segments, 2, 4), np.int64)
    for index, clip_id in enumerate(kept):
        clip = clips.pop(clip_id)  # freed one by one, so that memory never has two copies
        points[first[index] : first[index + 1]] = clip.content
        stretches[index] = clip.segments + np.array([first[index], 0, 0, 0])
    return Samples(
        torch.from_numpy(points),
        torch.from_numpy(stretches),
        torch.tensor([labels[clip_id] for clip_id in kept], dtype=torch.int64),
        tuple(f"{paths[clip_id]}: {left_out[clip_id]}" for clip_id in paths if clip_id in left_out),
    )


def cut(stretches: Tensor, chance: np.random.Generator) -> Tensor:
    """Cut a random sample out of each of some segments. It ends at any frame, and has the clip up to there or a part.

    A data set has few clips for a network with many weights. Random cuts make nearly every sample different.

    Args:
        stretches: (B, 2, 4) int64, segments and the clips up to their ends; see `Clip`.
        chance: draws the last frame, and whether the sample is the clip up to it or its last 0.7 to 1.4 segments.

    Returns:
        (B, 4) int64, stretches as `make_pictures` takes them; each is inside the clip up to the segment's end.
    """
    stop, part, whole = (torch.from_numpy(row).to(stretches.device) for row in chance.random((3, len(stretches))))
    alone = stretches[:, 0, 1]
    beginning = whole < 0.5
    # A segment in which one of two actors is absent has the points of one actor. A part of it must have the same, so it
    # is cut out of the segment.
    absent = stretches[:, 0, 3] != stretches[:, 1, 3]
    source = torch.where((~beginning & absent)[:, None], stretches[:, 0], stretches[:, 1])
    first, frames, joints, actors = source.unbind(1)
    end = frames - (stop * torch.minimum(alone, frames)).long()  # at least one frame remains
    length = torch.where(beginning, end, (alone * (0.7 + 0.7 * part)).round().long()).clamp(min=1)
    length = torch.minimum(length, end)
    return torch.stack([first + (end - length) * joints * actors, length, joints, actors], 1)
