"""Which part of each training clip an epoch uses: a random run of its segments, and one drawn observation ratio.

A live action begins and ends at unknown times. `training.random_cut` is the share of the training clips that an epoch
cuts, each clip with this probability. Of the M segments of such a clip it keeps K, where K is drawn evenly from 1 … M,
and they begin at a segment that is drawn evenly from those that leave room for K. So short and long runs, with and
without the beginning of the action, all occur. Student and teacher get the cut clip, and its losses are over its K
segments.

With `training.ratios = "drawn"` one of these segments is drawn evenly for each clip in each epoch, and only the output
after it counts in the losses.

The draws of a model depend on its seed, the epoch and the clip only. They are made on the CPU, so they do not depend on
the device. Validation and test clips are never cut.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from common.seeding import derive_seed
from distill.feature_set import Split
from distill.losses import running_segments
from manifests.recipes.training import Training

CUT, RATIO = 4, 5  # each has random numbers of its own, see `derive_seed`


class ClipParts(NamedTuple):
    """The clips of a batch as an epoch uses them, before mixing and noise.

    Attributes:
        features: (M, B, N, D).
        running: (M, B, N) bool, which segments are there; None: all.
        counted: (M, B, N) bool, the outputs that count in the losses; None: those of `running`.
    """

    features: Tensor
    running: Tensor | None
    counted: Tensor | None

    def of_models(self, models: slice) -> "ClipParts":
        """Return the parts of some of the models."""
        running, counted = (None if mask is None else mask[models] for mask in (self.running, self.counted))
        return ClipParts(self.features[models], running, counted)


class EpochParts:
    """The parts of all training clips in one epoch, for M models.

    Args:
        seeds: of the models.
        epoch: from 1.
        clips: the training split.
        training: has `random_cut` and `ratios`.
    """

    def __init__(self, seeds: Sequence[int], epoch: int, clips: Split, training: Training) -> None:
        self._clips = clips
        count, num_segments = clips.features.shape[:2]
        device = clips.features.device
        whole = torch.full((count,), num_segments, device=device) if clips.lengths is None else clips.lengths
        self._lengths = whole.expand(len(seeds), -1)  # (M, clips)
        self._starts: Tensor | None = None
        self._counted: Tensor | None = None
        if training.random_cut:
            drawn = uniform(seeds, epoch, CUT, 3, count).to(device)
            is_cut = drawn[:, 2] < training.random_cut
            starts, kept = cut(self._lengths, drawn[:, :2])
            self._starts, self._lengths = starts.where(is_cut, 0), kept.where(is_cut, self._lengths)
        if training.ratios == "drawn":
            self._counted = (uniform(seeds, epoch, RATIO, count).to(device) * self._lengths).long()

    def __call__(self, rows: Tensor) -> ClipParts:
        """Return the parts of some clips.

        Args:
            rows: (M, B), rows of the training split.
        """
        features, running = self._clips.features[rows], self._clips.running(rows)
        num_segments = features.shape[2]
        if self._starts is not None:
            running = running_segments(self._lengths.gather(1, rows), num_segments)
            features = moved_to_front(features, self._starts.gather(1, rows), running)
        counted = None
        if self._counted is not None:
            levels = torch.arange(num_segments, device=rows.device)
            counted = levels == self._counted.gather(1, rows)[..., None]
        return ClipParts(features, running, counted)


def cut(lengths: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first segment, from 0, and the number of segments of random runs, each (..., clips).

    Args:
        lengths: (..., clips), M of each clip, 1 or more.
        drawn: (..., 2, clips), numbers in [0, 1) that decide the number of segments and the first one.
    """
    kept = 1 + (drawn[..., 0, :] * lengths).long()
    return (drawn[..., 1, :] * (lengths - kept + 1)).long(), kept


def moved_to_front(features: Tensor, starts: Tensor, running: Tensor) -> Tensor:
    """Return runs of segments as sequences that begin with them, followed by zeros: (..., B, N, D).

    Args:
        features: (..., B, N, D), of whole clips.
        starts: (..., B), the first segment of each run, from 0.
        running: (..., B, N) bool, the segments that the runs have after they were moved.
    """
    num_segments = features.shape[-2]
    places = (starts[..., None] + torch.arange(num_segments, device=starts.device)).clamp(max=num_segments - 1)
    return features.gather(-2, places[..., None].expand_as(features)).where(running[..., None], 0)


def uniform(seeds: Sequence[int], epoch: int, purpose: int, *shape: int) -> Tensor:
    """Return float64 numbers (M, *shape) in [0, 1); those of each model depend on its seed and the epoch."""
    generators = [torch.Generator().manual_seed(derive_seed(seed, epoch, purpose)) for seed in seeds]
    return torch.stack([torch.rand(shape, generator=each, dtype=torch.float64) for each in generators])
