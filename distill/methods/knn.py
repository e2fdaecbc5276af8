"""KNN: the most similar labelled training clips at the same progress level vote (the baseline of Hu et al., 2018).

A clip at level n is the mean feature of its segments 1…n, scaled to length 1. It is compared with training clips at
level n by Euclidean distance. The number of voters is chosen from `K` on the validation split. The paper gives only the
name of the method.

Where clips differ in their number of segments, a training clip that has ended stays as it was at its end. So the same
training clips vote at every level, also where a clip is longer than all of them.

The probability of a class is its share of the votes. The vote of rank r = 0, 1, … counts 1 + 0.001 · 2⁻ʳ. That never
changes a majority, and it decides a tie for the class of the nearest clip.
"""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from distill.feature_set import FeatureSet
from distill.losses import running_segments
from distill.method import ClassicalMethod
from distill.model_selection import best_on_validation
from distill.observation import at_ratios

K = (1, 5, 9)
NEARNESS = 1e-3  # the largest extra weight of a vote
AT_ONCE = 256  # clips in a block, which limits the memory


def _fit_predict(
    data: FeatureSet, labelled: Tensor, features: Tensor, lengths: Tensor | None, settings: None
) -> NDArray[np.float32]:
    train, validation = data.splits["train"], data.splits["validation"]
    known, labels = train.features[labelled], train.labels[labelled]
    until = None if train.lengths is None else train.lengths[labelled]

    def shares(neighbours: Tensor, k: int, own: Tensor | None) -> Tensor:
        every = vote(neighbours, k, data.num_classes)
        return every if own is None else at_ratios(every, own, before=1 / data.num_classes)

    neighbours = nearest_labels(known, labels, validation.features, until)
    counts = [k for k in K if k <= neighbours.shape[-1]]
    found = (shares(neighbours, k, validation.lengths) for k in counts)
    best = counts[best_on_validation(found, validation.labels)]
    chosen = nearest_labels(known, labels, features.to(known.device), until)
    own = None if lengths is None else lengths.to(known.device)
    probabilities: NDArray[np.float32] = shares(chosen, best, own).cpu().numpy()
    return probabilities


def nearest_labels(known: Tensor, labels: Tensor, features: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Return the labels of the nearest known clips at each level, the nearest first.

    Args:
        known: (clips, N, D), features of the clips that vote.
        labels: (clips,), their labels.
        features: (others, N, D).
        lengths: (clips,), how many segments each of the known clips has, if they differ.

    Returns:
        (others, N, k), where k is the largest number in `K`, or the number of clips if that is smaller. Of a clip with
        fewer than N segments, only the levels of its own segments mean something.
    """
    most = min(max(K), len(labels))
    running = None if lengths is None else running_segments(lengths, known.shape[1])
    levels = zip(_levels(known, running), _levels(features), strict=True)
    # Among vectors of length 1, the nearest has the largest inner product.
    found = [
        torch.cat([labels[(batch @ ours.T).topk(most).indices] for batch in torch.split(theirs, AT_ONCE)])
        for ours, theirs in levels
    ]
    return torch.stack(found, 1)


def vote(neighbours: Tensor, k: int, num_classes: int) -> Tensor:
    """Return the shares of the votes of the k nearest: labels (..., at least k), nearest first → (..., C) float32."""
    weight = 1 + NEARNESS * 0.5 ** torch.arange(k, device=neighbours.device)
    votes = weight.new_zeros(*neighbours.shape[:-1], num_classes)
    votes.scatter_add_(-1, neighbours[..., :k], weight.expand(*neighbours.shape[:-1], k))
    # The sum is that of the rounded votes, so no share can be above 1.
    return votes / votes.sum(-1, keepdim=True)


def _levels(features: Tensor, running: Tensor | None = None) -> Iterator[Tensor]:
    """Yield the mean feature of segments 1…n, scaled to length 1, for each n: (clips, N, D) → N times (clips, D).

    Args:
        features: (clips, N, D).
        running: (clips, N) bool, which segments the clips have; None: all.
    """
    there = features if running is None else features.where(running[..., None], 0)
    total = torch.zeros_like(features[:, 0])
    for segment in there.unbind(1):
        total = total + segment
        yield F.normalize(total, dim=-1)


KNN = ClassicalMethod(title="KNN", fit_predict=_fit_predict, published="KNN", takes_lengths=True)
