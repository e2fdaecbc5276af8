"""Random changes of the training inputs: dropout, noise, and clips mixed with one another.

The random numbers of a model depend on its seed and the epoch only, not on the models beside it. Two methods with the
same network and seed get the same changes, so they differ in their loss only.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from common.seeding import derive_seed
from manifests.recipes.training import Training


class AugmentedBatch(NamedTuple):
    """Sequences of features after mixing and noise: share · own features + (1 - share) · partner's features + noise.

    Attributes:
        features: (M, B, N, D).
        partner: (B,), for each row of the batch the row of its partner; None: the clips are not mixed.
        share: (M,), one number for each model.
    """

    features: Tensor
    partner: Tensor | None
    share: Tensor


class Augmentation:
    """The random changes of one epoch of M models.

    Args:
        seeds: of the models.
        epoch: from 1.
        device: of the features.
        training: how much of each change.
    """

    def __init__(self, seeds: Sequence[int], epoch: int, device: torch.device, training: Training) -> None:
        self._training = training
        distinct = sorted(set(seeds))
        self._of_model = torch.tensor([distinct.index(seed) for seed in seeds], device=device)
        self._generators = [torch.Generator(device).manual_seed(derive_seed(seed, epoch, 1)) for seed in distinct]

    def drop_input(self, features: Tensor) -> Tensor:
        """Return features (M, B, N, D) with dropout."""
        return self._drop(features, self._training.input_dropout)

    def drop_output(self, states: Tensor) -> Tensor:
        """Return states (M, B, N, H) with dropout, for the classifier."""
        return self._drop(states, self._training.output_dropout)

    def mix(
        self, features: Tensor, labelled_rows: int, deviation: Tensor, running: Tensor | None = None
    ) -> AugmentedBatch:
        """Mix the clips of a batch and add noise. Mixup is that of Zhang et al. (ICLR 2018), on sequences of features.

        Where only one of two clips goes on, its features are taken as they are; where both have ended there are zeros.

        Args:
            features: (M, B, N, D).
            labelled_rows: number of rows at the start that are mixed with one another only, as are the other rows.
            deviation: (D,), the standard deviation of the features, which is the unit of the noise.
            running: (M, B, N) bool, which segments the clips have; None: all.
        """
        training = self._training
        partner, share = None, torch.ones(len(features), device=features.device)
        if training.mixup:
            rows = torch.arange(features.shape[1], device=features.device)
            partner = torch.cat([rows[:labelled_rows].roll(1), rows[labelled_rows:].roll(1)])
            share = 1 - training.mixup * self._uniform()
            own = share[:, None, None, None]
            if running is None:
                features = own * features + (1 - own) * features[:, partner]
            else:
                other = running[:, partner]
                own = torch.where(running & other, own[..., 0], running.to(features.dtype))[..., None]
                features = own * features + (1 - own) * features[:, partner]
                running = running | other
        if training.feature_noise:
            scale = training.feature_noise * deviation
            drawn = [
                torch.randn(features.shape[1:], generator=each, device=features.device) for each in self._generators
            ]
            noise = scale * torch.stack(drawn)[self._of_model]
            features = features + (noise if running is None else noise * running[..., None])
        return AugmentedBatch(features, partner, share)

    def _drop(self, tensor: Tensor, share: float) -> Tensor:
        """Set a share of the dimensions to zero and scale up the others.

        The mask is the same for all N segments (Gal and Ghahramani, NeurIPS 2016): a state would carry over what the
        mask of an earlier segment let through.
        """
        if not share:
            return tensor
        kept = self._uniform(tensor.shape[1], 1, tensor.shape[3]) >= share
        return tensor * kept / (1 - share)

    def _uniform(self, *shape: int) -> Tensor:
        """Return uniform numbers (M, *shape) in [0, 1)."""
        drawn = [torch.rand(shape, generator=each, device=self._of_model.device) for each in self._generators]
        return torch.stack(drawn)[self._of_model]
