"""What a VA-CNN is trained on: of every clip each segment by itself and each observed beginning, as points in memory.

Read by the workers that read for extraction; pictures are made of them when they are needed. No network here.
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


@dataclass(frozen=True)
class Samples:
    """Clips of one split.

    Attributes:
        points: (P, 3) float32, metres, of all clips.
        stretches: (clips, N, 2, 4) int64: of each segment itself and the beginning up to its end, see `Clip`.
        labels: (clips,) int64.
        left_out: the files that could not be read, with the reason.
    """

    points: Tensor
    stretches: Tensor
    labels: Tensor
    left_out: tuple[str, ...]

    @property
    def joints(self) -> int:
        """Joints of an actor."""
        return int(self.stretches[0, 0, 0, 2])

    @property
    def sha256(self) -> str:
        """Fingerprint of all that is trained on."""
        digest = hashlib.sha256()
        for part in (self.points, self.stretches, self.labels):
            digest.update(part.contiguous().numpy().data)
        return digest.hexdigest()

    def to(self, device: torch.device) -> "Samples":
        """Return the same on a device."""
        return Samples(self.points.to(device), self.stretches.to(device), self.labels.to(device), self.left_out)


def read_samples(
    paths: Mapping[str, Path],
    labels: Mapping[str, int],
    segments: int,
    *,
    legacy_sequence_actors: bool = False,
    workers: int = 1,
    deadline: float = 60.0,
) -> Samples:
    """Read the skeletons of clips, as extraction does; those that cannot be read are left out and named.

    Args:
        paths: the files, by clip id.
        labels: of each clip.
        segments: N.
        legacy_sequence_actors: see `extract.skeletons.segment_points`.
        workers: processes that read.
        deadline: seconds a file may take.
    """
    tasks = [
        DecodeTask(clip_id, str(path), segments, 1, "skeleton", 0, legacy_sequence_actors)
        for clip_id, path in paths.items()
    ]
    clips: dict[str, Clip] = {}
    left_out: dict[str, str] = {}
    for outcome in decode_all(tasks, workers=workers, deadline=deadline, ahead=64):
        if isinstance(outcome, Failure):
            left_out[outcome.clip_id] = outcome.reason
        else:
            clips[outcome[0]] = outcome[1]
    kept = [clip_id for clip_id in paths if clip_id in clips]  # not in the order in which workers finished
    first = np.cumsum([0, *(len(clips[clip_id].content) for clip_id in kept)])
    points = np.empty((first[-1], 3), np.float32)
    stretches = np.empty((len(kept), segments, 2, 4), np.int64)
    for index, clip_id in enumerate(kept):
        clip = clips.pop(clip_id)  # freed one by one: there is never more than one copy of all
        points[first[index] : first[index + 1]] = clip.content
        stretches[index] = clip.segments + np.array([first[index], 0, 0, 0])
    return Samples(
        torch.from_numpy(points),
        torch.from_numpy(stretches),
        torch.tensor([labels[clip_id] for clip_id in kept], dtype=torch.int64),
        tuple(f"{paths[clip_id]}: {left_out[clip_id]}" for clip_id in paths if clip_id in left_out),
    )


def cut(stretches: Tensor, chance: np.random.Generator) -> Tensor:
    """Cut a sample out of each of some segments: the recording stops at any frame of it, and all is seen or the last.

    Fewer clips than a network has weights are soon known by heart; cut like this, a clip is hardly ever the same twice.

    Args:
        stretches: (B, 2, 4) int64, segments and the beginnings up to their ends, see `Clip`.
        chance: draws where to stop, whether the beginning is seen or a part of 0.7 to 1.4 segments, and which.

    Returns:
        (B, 4) int64, stretches as in `make_pictures`; each lies in its beginning.
    """
    stop, part, whole = (torch.from_numpy(row).to(stretches.device) for row in chance.random((3, len(stretches))))
    alone = stretches[:, 0, 1]
    beginning = whole < 0.5
    # A segment in which one of two actors is away is drawn without him, and so is a part of it: it is cut out of the
    # segment's own drawing then.
    away = stretches[:, 0, 3] != stretches[:, 1, 3]
    source = torch.where((~beginning & away)[:, None], stretches[:, 0], stretches[:, 1])
    first, frames, joints, actors = source.unbind(1)
    end = frames - (stop * torch.minimum(alone, frames)).long()  # at least one frame is left
    length = torch.where(beginning, end, (alone * (0.7 + 0.7 * part)).round().long()).clamp(min=1)
    length = torch.minimum(length, end)
    return torch.stack([first + (end - length) * joints * actors, length, joints, actors], 1)
