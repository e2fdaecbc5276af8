"""The rule "stopping": stop when a weighted sum of confidence, margin and time is positive.

Mori et al., "Early classification of time series by simultaneously optimizing accuracy and earliness", IEEE TNNLS 2018,
rule SR1: a₁ p₁ + a₂ (p₁ − p₂) + a₃ n/N > 0, where p₁ and p₂ are the two largest probabilities. The authors search the
weights by a genetic algorithm. Here all weights of a grid are tried, so the same clips give the same weights.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.decisions.cost import average_cost
from evaluate.decisions.rule import DecisionRule, FittedRule, Stops, confidence, decided_levels, margin
from evaluate.scoring.metrics import Floats, Labels

STEPS = np.linspace(-1, 1, 11)  # of each weight
AT_ONCE = 1 << 22  # numbers in memory


@dataclass(frozen=True, eq=False)
class FittedStoppingRule(FittedRule):
    """The weights (3,), which are a₁, a₂ and a₃, and N, the number of levels."""

    weights: NDArray[np.float64]
    num_levels: float

    def stops(self, probabilities: Floats) -> Stops:
        """See `FittedRule.stops`."""
        # No matrix product: its last bits depend on the number of levels, and sums of exactly 0 occur.
        return np.asarray((_measures(probabilities, self.num_levels) * self.weights).sum(axis=2) > 0)


@dataclass(frozen=True)
class StoppingRule(DecisionRule):
    """The weights that cost least; of several the first in the grid."""

    def fit(self, probabilities: Floats, labels: Labels, price: float) -> FittedRule:
        """See `DecisionRule.fit`."""
        num_levels = probabilities.shape[1]
        measures = _measures(probabilities, num_levels)
        grid = np.stack(np.meshgrid(STEPS, STEPS, STEPS, indexing="ij"), axis=-1).reshape(-1, 3)
        found: list[float] = []
        for some in np.array_split(grid, max(1, len(grid) * measures[..., 0].size // AT_ONCE)):
            stops = measures @ some.T > 0  # (clips, N, weights)
            found += [
                average_cost(probabilities, labels, decided_levels(stops[:, :, index]), price)
                for index in range(len(some))
            ]
        return FittedStoppingRule(grid[int(np.argmin(found))], num_levels)


def _measures(probabilities: Floats, num_levels: float) -> NDArray[np.float64]:
    """Return (clips, n, 3): confidence, margin and the observed fraction."""
    first = confidence(probabilities)
    time = np.broadcast_to(np.arange(1, first.shape[1] + 1) / num_levels, first.shape)
    return np.stack([first, margin(probabilities), time], axis=2)


STOPPING_RULE = StoppingRule("Learned stopping rule", FittedStoppingRule)
