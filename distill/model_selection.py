"""The choice of hyper-parameters on the validation split, for methods without training by gradients."""

from collections.abc import Iterable

import torch
from torch import Tensor


def best_on_validation(scores: Iterable[Tensor], labels: Tensor) -> int:
    """Return the index of the scores with the best AUC, the mean of the accuracies; the first of equal ones.

    Args:
        scores: of the same clips, each (clips, N, C).
        labels: (clips,).
    """
    correct = [(each.argmax(-1) == labels[:, None]).sum() for each in scores]
    return int(torch.stack(correct).argmax())
