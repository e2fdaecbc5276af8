"""The rule "teaser": stop when the same class was predicted v times in a row, each time in a way that is usually right.

TEASER (Schäfer & Leser, "TEASER: early and accurate time series classification", Data Mining and Knowledge Discovery
2020). At each level a one-class support vector machine learns the probabilities of the clips whose prediction is right.
A prediction is accepted if its probabilities look like these.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from evaluate.decisions.cost import average_cost
from evaluate.decisions.kernel import kernel_sum
from evaluate.decisions.rule import DecisionRule, FittedRule, Stops, decided_levels, margin
from evaluate.scoring.metrics import Floats, Labels

OUTSIDE = 0.05  # the authors' ν: about this share of the clips that are right is not accepted
WIDTHS = (100.0, 10.0, 5.0, 2.5, 1.5, 1.0, 0.5, 0.25, 0.1)  # the authors' choice of γ of the kernel "rbf"
IN_A_ROW = (1, 2, 3, 4, 5)
NEVER = -1.0  # the offset of a level where no clip was right: nothing is accepted there


@dataclass(frozen=True, eq=False)
class FittedTeaser(FittedRule):
    """The support vector machine of each level, and v.

    Attributes:
        vectors: (N, V, C + 1) support vectors. A level with fewer than V of them has others with the weight 0.
        weights: (N, V) the dual coefficients.
        offsets: (N,) what is added to the weighted sum; the machine accepts what is above 0.
        width: γ of the kernel.
        in_a_row: v.
    """

    vectors: NDArray[np.float64]
    weights: NDArray[np.float64]
    offsets: NDArray[np.float64]
    width: float
    in_a_row: float = 1

    def stops(self, probabilities: Floats) -> Stops:
        """See `FittedRule.stops`."""
        return _in_a_row(self.accepted(probabilities), probabilities, self.in_a_row)

    def accepted(self, probabilities: Floats) -> Stops:
        """Return whether each prediction is accepted: probabilities (clips, n, C) → (clips, n)."""
        measures = teaser_measures(probabilities)
        levels = [self.decide(measures[:, level], level) > 0 for level in range(measures.shape[1])]
        return np.stack(levels, axis=1)

    def decide(self, measures: NDArray[np.float64], level: int) -> NDArray[np.float64]:
        """Return what is above 0 where a machine accepts, (clips,), of measures (clips, C + 1) at a level from 0."""
        own = kernel_sum(measures, self.vectors[level], self.weights[level], self.width)
        return np.asarray(own + self.offsets[level])


@dataclass(frozen=True)
class Teaser(DecisionRule):
    """γ, the same one for all levels, and v are those that cost least; the authors maximise the harmonic mean."""

    def fit(self, probabilities: Floats, labels: Labels, price: float) -> FittedRule:
        """See `DecisionRule.fit`."""
        fitted = {width: _fit(probabilities, labels, width) for width in WIDTHS}
        accepted = {width: own.accepted(probabilities) for width, own in fitted.items()}

        def cost(choice: tuple[float, int]) -> float:
            stops = _in_a_row(accepted[choice[0]], probabilities, choice[1])
            return average_cost(probabilities, labels, decided_levels(stops), price)

        width, in_a_row = min(product(WIDTHS, IN_A_ROW), key=cost)
        return replace(fitted[width], in_a_row=in_a_row)


def _fit(probabilities: Floats, labels: Labels, width: float) -> FittedTeaser:
    from sklearn.svm import OneClassSVM  # takes a second to load

    measures, right = teaser_measures(probabilities), probabilities.argmax(axis=2) == labels[:, None]
    clips, levels, size = measures.shape
    vectors, weights, offsets = np.zeros((levels, clips, size)), np.zeros((levels, clips)), np.full(levels, NEVER)
    most = 1
    for level in range(levels):
        if not right[:, level].any():
            continue
        machine = OneClassSVM(kernel="rbf", nu=OUTSIDE, gamma=width).fit(measures[right[:, level], level])
        count = len(machine.support_vectors_)
        vectors[level, :count] = machine.support_vectors_
        weights[level, :count] = machine.dual_coef_[0]
        offsets[level] = machine.intercept_[0]
        most = max(most, count)
    return FittedTeaser(vectors[:, :most].copy(), weights[:, :most].copy(), offsets, width)


def _in_a_row(accepted: Stops, probabilities: Floats, wanted: float) -> Stops:
    """Return where the same class was predicted and accepted `wanted` times in a row: (clips, n)."""
    predicted = probabilities.argmax(axis=2)
    row = np.zeros(len(accepted), np.int64)
    stops = np.zeros_like(accepted)
    for level in range(accepted.shape[1]):
        same = predicted[:, level] == predicted[:, level - 1] if level else np.zeros(len(row), bool)
        row = np.where(accepted[:, level], np.where(same, row, 0) + 1, 0)
        stops[:, level] = row >= wanted
    return stops


def teaser_measures(probabilities: Floats) -> NDArray[np.float64]:
    """Return (clips, n, C + 1): the probabilities and the margin."""
    return np.concatenate([probabilities, margin(probabilities)[..., None]], axis=2, dtype=np.float64)


TEASER = Teaser("TEASER", FittedTeaser)
