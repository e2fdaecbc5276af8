"""What a VA-CNN is trained on: of every clip each segment by itself and each observed beginning, as points in memory.

Read once, by several processes; pictures are made of them when they are needed. No network here.
"""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from extract.clip import DecodeError
from extract.skeletons.files import read_skeleton
from extract.skeletons.observe import lay_out, observe


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

    def to(self, device: torch.device) -> "Samples":
        """Return the same on a device."""
        return Samples(self.points.to(device), self.stretches.to(device), self.labels.to(device), self.left_out)


def read_samples(
    paths: Sequence[Path],
    labels: Sequence[int],
    segments: int,
    *,
    legacy_sequence_actors: bool = False,
    workers: int = 1,
) -> Samples:
    """Read the skeletons of clips; those that cannot be read are left out and named.

    Args:
        paths: the files.
        labels: of each.
        segments: N.
        legacy_sequence_actors: see `extract.skeletons.observe`.
        workers: processes that read.
    """
    read = partial(_read, segments=segments, legacy_sequence_actors=legacy_sequence_actors)
    points, stretches, kept, left_out, total = [], [], [], [], 0
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for index, laid in enumerate(pool.map(read, paths, chunksize=16)):
            if isinstance(laid, str):
                left_out.append(f"{paths[index].name}: {laid}")
            else:
                points.append(laid[0])
                stretches.append(laid[1] + np.array([total, 0, 0, 0]))
                kept.append(labels[index])
                total += len(laid[0])
    none = np.empty((0, 3), np.float32), np.empty((0, segments, 2, 4), np.int64)
    return Samples(
        torch.from_numpy(np.concatenate(points) if points else none[0]),
        torch.from_numpy(np.stack(stretches) if stretches else none[1]),
        torch.tensor(kept, dtype=torch.int64),
        tuple(left_out),
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
    alone, (first, frames, joints, actors) = stretches[:, 0, 1], stretches[:, 1].unbind(1)
    end = frames - (stop * torch.minimum(alone, frames)).long()  # at least one frame is left
    length = torch.where(whole < 0.5, end, (alone * (0.7 + 0.7 * part)).round().long()).clamp(min=1)
    length = torch.minimum(length, end)
    return torch.stack([first + (end - length) * joints * actors, length, joints, actors], 1)


def _read(
    path: Path, segments: int, legacy_sequence_actors: bool
) -> tuple[NDArray[np.float32], NDArray[np.int64]] | str:
    try:
        return lay_out(observe(read_skeleton(path), segments, legacy_sequence_actors))
    except DecodeError as error:
        return str(error)
