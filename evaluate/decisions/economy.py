"""The rule "economy": stop when no later level promises a lower cost.

ECONOMY-γ (Achenchabe et al., "Early classification of time series: cost-based optimization criterion and algorithms",
Machine Learning 2021). At each level clips are divided into K groups by their confidence. Validation clips tell how
often a clip goes from a group into each group of the next level, and how often predictions of a group are wrong. From
these the expected cost of each later level follows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.decisions.cross_validation import cross_validated_cost
from evaluate.decisions.rule import DecisionRule, FittedRule, Stops, confidence
from evaluate.scoring.metrics import Floats, Labels

GROUPS = (1, 2, 3, 4, 6, 8, 12, 16, 20)  # the numbers of groups K that are tried


@dataclass(frozen=True, eq=False)
class FittedEconomy(FittedRule):
    """What a clip of each group should do.

    Attributes:
        bounds: (N, K − 1) confidences that divide the groups of each level.
        waits: (N, K) 1 where a clip of the group waits, 0 where it is decided.
    """

    bounds: NDArray[np.float64]
    waits: NDArray[np.float64]

    def stops(self, probabilities: Floats) -> Stops:
        """See `FittedRule.stops`."""
        groups = _groups(confidence(probabilities), self.bounds)
        return np.asarray(self.waits[np.arange(groups.shape[1]), groups] == 0)


@dataclass(frozen=True)
class Economy(DecisionRule):
    """The number of groups is the one that costs least in a cross-validation; of several the smallest."""

    def fit(self, probabilities: Floats, labels: Labels, price: float) -> FittedRule:
        """See `DecisionRule.fit`."""

        def cost(groups: int) -> float:
            return cross_validated_cost(
                lambda own, own_labels: _fit(own, own_labels, price, groups), probabilities, labels, price
            )

        return _fit(probabilities, labels, price, min(GROUPS, key=cost))


def _fit(probabilities: Floats, labels: Labels, price: float, count: int) -> FittedEconomy:
    first = confidence(probabilities)  # (clips, N)
    num_levels = first.shape[1]
    bounds = np.quantile(first, np.arange(1, count) / count, axis=0).T  # (N, K − 1)
    groups = _groups(first, bounds)
    wrong = probabilities.argmax(axis=2) != labels[:, None]
    errors = np.stack(
        [_means(wrong[:, level].astype(np.float64), groups[:, level], count) for level in range(num_levels)]
    )
    stopping = (1 - price) * errors + price * np.arange(1, num_levels + 1)[:, None] / num_levels  # (N, K)
    moves = np.zeros((num_levels, count, count))  # [n]: how many clips go from each group of level n - 1 into each of n
    for level in range(1, num_levels):
        np.add.at(moves[level], (groups[:, level - 1], groups[:, level]), 1)
    waits = np.zeros((num_levels, count), bool)
    for level in range(num_levels - 1):
        expected = np.eye(count)  # the groups, at the later level, of the clips of each group of this level
        for later in range(level + 1, num_levels):
            expected = expected @ _shares(moves[later])
            waits[level] |= expected @ stopping[later] < stopping[level]
    return FittedEconomy(bounds, waits.astype(np.float64))


def _groups(first: NDArray[np.float64], bounds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the group of each clip at each level: (clips, n), of the bounds (N, K − 1)."""
    return np.asarray((first[:, :, None] >= bounds[None, : first.shape[1]]).sum(axis=2))


def _means(values: NDArray[np.float64], groups: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Return the mean of each group, (K,); of an empty group that of all clips."""
    sizes = np.bincount(groups, minlength=count)
    sums = np.bincount(groups, weights=values, minlength=count)
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), values.mean())


def _shares(moves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return counts (K, K) as shares of each row; a row without clips goes anywhere."""
    totals = moves.sum(axis=1, keepdims=True)
    return np.where(totals > 0, moves / np.maximum(totals, 1), 1 / len(moves))


ECONOMY = Economy("ECONOMY-γ", FittedEconomy)
