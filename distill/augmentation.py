"""What is random about the inputs of a training: dropout, noise, and clips mixed with one another.

Each model draws from a generator of its own seed and epoch, so nothing depends on who trains beside it, and networks of
one shape and seed that see the same clips see them in the same way: two such methods differ in their loss alone.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from common.seeding import derive_seed
from manifests.recipes.training import Training


class AugmentedBatch(NamedTuple):
    """Sequences as a training sees them: share · own + (1 - share) · the partner's, with noise.

    Attributes:
        features: (M, B, N, D).
        partner: (B,) rows of the batch; None: nothing is mixed.
        share: (M,), one number a model and batch.
    """

    features: Tensor
    partner: Tensor | None
    share: Tensor


class Augmentation:
    """The random side of one epoch of M models with these seeds."""

    def __init__(self, seeds: Sequence[int], epoch: int, device: torch.device, training: Training) -> None:
        self._training = training
        distinct = sorted(set(seeds))
        self._of_model = torch.tensor([distinct.index(seed) for seed in seeds], device=device)
        self._generators = [torch.Generator(device).manual_seed(derive_seed(seed, epoch, 1)) for seed in distinct]

    def drop_input(self, features: Tensor) -> Tensor:
        """Dropout of the features (M, B, N, D)."""
        return self._drop(features, self._training.input_dropout)

    def drop_output(self, states: Tensor) -> Tensor:
        """Dropout of the states (M, B, N, H) before the classifier."""
        return self._drop(states, self._training.output_dropout)

    def mix(self, features: Tensor, labelled_rows: int, deviation: Tensor) -> AugmentedBatch:
        """Mix clips of a batch and add noise (mixup, Zhang et al., ICLR 2018, on sequences of features).

        Args:
            features: (M, B, N, D).
            labelled_rows: the first so many rows are mixed among themselves, and so are the others.
            deviation: (D,) of the features, the unit of the noise.
        """
        training = self._training
        partner, share = None, torch.ones(len(features), device=features.device)
        if training.mixup:
            rows = torch.arange(features.shape[1], device=features.device)
            partner = torch.cat([rows[:labelled_rows].roll(1), rows[labelled_rows:].roll(1)])
            share = 1 - training.mixup * self._uniform()
            own = share[:, None, None, None]
            features = own * features + (1 - own) * features[:, partner]
        if training.feature_noise:
            scale = training.feature_noise * deviation
            drawn = [
                torch.randn(features.shape[1:], generator=each, device=features.device) for each in self._generators
            ]
            features = features + scale * torch.stack(drawn)[self._of_model]
        return AugmentedBatch(features, partner, share)

    def _drop(self, tensor: Tensor, share: float) -> Tensor:
        """Set a share of the dimensions to zero, the same ones at all N steps, and scale the rest up.

        One mask over time, for a state carries over what the step before it let through (Gal and Ghahramani, NeurIPS
        2016).
        """
        if not share:
            return tensor
        kept = self._uniform(tensor.shape[1], 1, tensor.shape[3]) >= share
        return tensor * kept / (1 - share)

    def _uniform(self, *shape: int) -> Tensor:
        """(M, *shape), in [0, 1)."""
        drawn = [torch.rand(shape, generator=each, device=self._of_model.device) for each in self._generators]
        return torch.stack(drawn)[self._of_model]
