"""The rule "teaser": stop when the same class was predicted v times in a row, each time in a way that is usually right.

TEASER (Schäfer & Leser, "TEASER: early and accurate time series classification", Data Mining and Knowledge Discovery
2020). At each level a one-class support vector machine learns the probabilities of the clips whose prediction is right.
A prediction is accepted if its probabilities look like these.
"""

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluate.decisions.cost import average_cost
from evaluate.decisions.rule import DecisionRule, FittedRule, Stops, decided_levels, margin
from evaluate.scoring.metrics import Floats, Labels

if TYPE_CHECKING:
    from sklearn.svm import OneClassSVM

OUTSIDE = 0.05  # the authors' ν: about this share of the clips that are right is not accepted
WIDTHS = (100.0, 10.0, 5.0, 2.5, 1.5, 1.0, 0.5, 0.25, 0.1)  # the authors' choice of γ of the kernel "rbf"
IN_A_ROW = (1, 2, 3, 4, 5)


@dataclass(frozen=True, eq=False)
class FittedTeaser(FittedRule):
    """The machine of each level (None: no clip was right there), and v."""

    machines: tuple["OneClassSVM | None", ...]
    in_a_row: int

    def stops(self, probabilities: Floats) -> Stops:
        """See `FittedRule.stops`."""
        return _in_a_row(_accepted(self.machines, probabilities), probabilities, self.in_a_row)


@dataclass(frozen=True)
class Teaser(DecisionRule):
    """γ, the same one for all levels, and v are those that cost least; the authors maximise the harmonic mean."""

    def fit(self, probabilities: Floats, labels: Labels, price: float) -> FittedRule:
        """See `DecisionRule.fit`."""
        machines = {width: _machines(probabilities, labels, width) for width in WIDTHS}
        accepted = {width: _accepted(own, probabilities) for width, own in machines.items()}

        def cost(choice: tuple[float, int]) -> float:
            stops = _in_a_row(accepted[choice[0]], probabilities, choice[1])
            return average_cost(probabilities, labels, decided_levels(stops), price)

        width, in_a_row = min(product(WIDTHS, IN_A_ROW), key=cost)
        return FittedTeaser(machines[width], in_a_row)


def _machines(probabilities: Floats, labels: Labels, width: float) -> tuple["OneClassSVM | None", ...]:
    from sklearn.svm import OneClassSVM  # takes a second to load

    measures, right = _measures(probabilities), probabilities.argmax(axis=2) == labels[:, None]
    return tuple(
        OneClassSVM(kernel="rbf", nu=OUTSIDE, gamma=width).fit(measures[right[:, level], level])
        if right[:, level].any()
        else None
        for level in range(measures.shape[1])
    )


def _accepted(machines: tuple["OneClassSVM | None", ...], probabilities: Floats) -> Stops:
    """Return whether each prediction is accepted: (clips, n)."""
    measures = _measures(probabilities)
    accepted = np.zeros(measures.shape[:2], bool)
    for level, machine in enumerate(machines[: measures.shape[1]]):
        if machine is not None:
            accepted[:, level] = machine.predict(measures[:, level]) == 1
    return accepted


def _in_a_row(accepted: Stops, probabilities: Floats, wanted: int) -> Stops:
    """Return where the same class was predicted and accepted `wanted` times in a row: (clips, n)."""
    predicted = probabilities.argmax(axis=2)
    row = np.zeros(len(accepted), np.int64)
    stops = np.zeros_like(accepted)
    for level in range(accepted.shape[1]):
        same = predicted[:, level] == predicted[:, level - 1] if level else np.zeros(len(row), bool)
        row = np.where(accepted[:, level], np.where(same, row, 0) + 1, 0)
        stops[:, level] = row >= wanted
    return stops


def _measures(probabilities: Floats) -> NDArray[np.float64]:
    """Return (clips, n, C + 1): the probabilities and the margin."""
    return np.concatenate([probabilities, margin(probabilities)[..., None]], axis=2, dtype=np.float64)


TEASER = Teaser("TEASER")
