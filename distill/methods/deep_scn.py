"""DeepSCN: layers that predict the features of the whole clip, then a linear classifier (Kong, Tao & Fu, CVPR 2017).

x_i^n is the mean feature of segments 1…n of clip i, standardised. A layer is h = tanh(W [x; 1]) with the W of

    min  Σ_i Σ_n E ‖x_i^N − W x̃_i^n‖² + α Σ_i Σ_{n<N} ‖W (x_i^{n+1} − x_i^n)‖² + β Σ_i Σ_n ‖W (x_i^n − x̄_{y_i})‖²

where x̃ is x with a random share of its entries set to zero, with an exact expectation (marginalised denoising, Chen et
al., ICML 2012), and x̄_y is the mean of class y. The sum is quadratic in W, so one linear system gives the W of a layer.
The outputs of a layer are the x of the next layer.

What the paper's abstract confirms: features of the whole video are predicted from those of a part, with the temporal
order and the labels, layer by layer. We could not read the text, so these are our choices: the terms with α and β, and
ridge regression to one-hot labels on the outputs of all levels instead of an SVM. The ridge is chosen on the validation
split. A softmax turns the scores into numbers between 0 and 1, which are no calibrated probabilities.
"""

import functools
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from common.config import Config
from distill.feature_set import FeatureSet
from distill.method import ClassicalMethod
from distill.model_selection import best_on_validation
from distill.models import cumulative_mean

SMALLEST = 1e-5  # added to the diagonal of a layer's linear system, relative to its mean
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # strengths to choose from, relative to the mean of the diagonal


class DeepScn(Config):
    """DeepSCN's layers, each solved in closed form; the paper's values are not known to us."""

    layers: int = Field(default=2, ge=1, le=100)  # one on top of the other
    dropout: float = Field(default=0.2, ge=0, lt=1)  # share of a layer's inputs that are missing, in expectation
    order: float = Field(default=0.1, ge=0)  # weight of: successive levels of a clip have similar outputs
    pull: float = Field(default=1.0, ge=0)  # weight of: clips of a class have similar outputs


def _fit_predict(
    data: FeatureSet, labelled: Tensor, features: Tensor, lengths: Tensor | None, settings: DeepScn
) -> NDArray[np.float32]:
    train, validation = data.splits["train"], data.splits["validation"]
    labels = train.labels[labelled]
    levels = cumulative_mean(train.features[labelled])
    mean, deviation = levels.mean((0, 1)), levels.std((0, 1), correction=0)
    deviation = deviation.masked_fill(deviation < 1e-6, 1)
    levels = (levels - mean) / deviation
    layers: list[Tensor] = []
    for _ in range(settings.layers):
        layers.append(solve_layer(levels, labels, settings))
        levels = apply_layer(layers[-1], levels)

    def outputs(clips: Tensor) -> Tensor:
        found = (cumulative_mean(clips.to(mean.device)) - mean) / deviation
        for layer in layers:
            found = apply_layer(layer, found)
        return found

    seen = outputs(validation.features)
    weights = ridge_regressions(levels, F.one_hot(labels, data.num_classes), RIDGES)
    best = weights[best_on_validation((_scores(each, seen) for each in weights), validation.labels)]
    probabilities: NDArray[np.float32] = _scores(best, outputs(features)).softmax(-1).cpu().numpy()
    return probabilities


def solve_layer(levels: Tensor, labels: Tensor, settings: DeepScn) -> Tensor:
    """Solve for the weights of one layer.

    Args:
        levels: (clips, N, D), x of the clips.
        labels: (clips,).
        settings: the share of missing entries as `dropout`, α as `order`, β as `pull`.

    Returns:
        W (D, D + 1); the last column belongs to the constant, which is never missing.
    """
    kept = levels.new_full((levels.shape[2] + 1,), 1 - settings.dropout, dtype=torch.float64)
    kept[-1] = 1
    each = levels.unbind(1)  # N times (clips, D)
    scatter = _products((_with_one(level), _with_one(level)) for level in each)
    target = _products((_with_one(level), each[-1]) for level in each)
    system = scatter * kept[:, None] * kept  # E x̃x̃ᵀ except for the diagonal
    system.diagonal().copy_(scatter.diagonal() * kept)  # an entry of the diagonal has one random factor, not two
    if settings.order:
        changes = (later - now for now, later in pairwise(each))
        system[:-1, :-1] += settings.order * _products((change, change) for change in changes)
    if settings.pull:
        of_class = F.one_hot(labels).to(levels.dtype)  # (clips, C)
        mean = of_class.T @ levels.mean(1) / of_class.sum(0).clamp(min=1)[:, None]  # (C, D)
        apart = (level - mean[labels] for level in each)
        system[:-1, :-1] += settings.pull * _products((gap, gap) for gap in apart)
    system.diagonal().add_(SMALLEST * system.diagonal().mean())
    solution: Tensor = torch.linalg.solve(system, target * kept[:, None])  # (D + 1, D)
    return solution.T.to(levels.dtype)


def apply_layer(weights: Tensor, levels: Tensor) -> Tensor:
    """Return tanh(W [x; 1]) for W (D, D + 1) and x (clips, N, D): (clips, N, D)."""
    return (levels @ weights[:, :-1].T + weights[:, -1]).tanh()


def ridge_regressions(levels: Tensor, one_hot: Tensor, ridges: Sequence[float]) -> list[Tensor]:
    """Regress labels on the outputs of all levels, once for each strength of the ridge.

    Args:
        levels: (clips, N, D).
        one_hot: (clips, C).
        ridges: strengths, relative to the mean of the diagonal of the Gram matrix.

    Returns:
        Weights, each (D + 1, C); the ridge includes the constant.
    """
    each = [_with_one(level) for level in levels.unbind(1)]
    gram = _products((level, level) for level in each)
    target = _products((level, one_hot.to(levels.dtype)) for level in each)
    values, vectors = torch.linalg.eigh(gram)
    rotated = vectors.T @ target
    strengths = [ridge * float(gram.diagonal().mean()) for ridge in ridges]
    return [(vectors @ (rotated / (values.clamp(min=0) + own)[:, None])).to(levels.dtype) for own in strengths]


def _scores(weights: Tensor, levels: Tensor) -> Tensor:
    return _with_one(levels) @ weights


def _with_one(levels: Tensor) -> Tensor:
    """Append a constant: (..., D) → (..., D + 1)."""
    return F.pad(levels, (0, 1), value=1.0)


def _products(pairs: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the sum of AᵀB over pairs of A (clips, D) and B (clips, E), in float64: (D, E)."""
    products = ((left.T @ right).double() for left, right in pairs)
    return functools.reduce(torch.add, products, torch.zeros((), dtype=torch.float64))


DEEP_SCN = ClassicalMethod(
    title="DeepSCN",
    fit_predict=_fit_predict,
    section="deep_scn",
    settings=DeepScn,
    published="DeepSCN",
    outputs_are_probabilities=False,
)
