"""What a method without gradient training is: a function from the training clips to probabilities."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.features import FeatureSet
from manifests.recipes.recipe import Recipe


@dataclass(frozen=True)
class Classical:
    """A method that needs no run folder.

    Attributes:
        title: its name in tables and figures.
        fit_predict: (data, labelled (clips,) of its training split, features (clips, N, D), recipe) → probabilities
            (clips, N, C); hyper-parameters are chosen on the validation split.
        published: what `published.csv` calls it; None: no row of it.
    """

    title: str
    fit_predict: Callable[[FeatureSet, Tensor, Tensor, Recipe], NDArray[np.float32]]
    published: str | None = None


def best_on_validation(scores: Iterable[Tensor], labels: Tensor) -> int:
    """Return which of several scores (clips, N, C) has the best AUC, the mean of the accuracies; of equals the first.

    Args:
        scores: of the same clips.
        labels: (clips,), theirs.
    """
    correct = [(each.argmax(-1) == labels[:, None]).sum() for each in scores]
    return int(torch.stack(correct).argmax())
