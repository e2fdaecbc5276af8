"""The rule "fixed": decide at the same level in every clip. Rules that look at a clip should cost less."""

from dataclasses import dataclass

import numpy as np

from evaluate.decisions.cost import average_cost
from evaluate.decisions.rule import DecisionRule, FittedRule, Stops
from evaluate.scoring.metrics import Floats, Labels


@dataclass(frozen=True, eq=False)
class FittedLevel(FittedRule):
    """The level, 1 … N."""

    level: float

    def stops(self, probabilities: Floats) -> Stops:
        """See `FittedRule.stops`."""
        clips, levels = probabilities.shape[:2]
        return np.tile(np.arange(1, levels + 1) >= self.level, (clips, 1))


@dataclass(frozen=True)
class FixedLevel(DecisionRule):
    """The level that costs least; of several the earliest."""

    def fit(self, probabilities: Floats, labels: Labels, price: float) -> FittedRule:
        """See `DecisionRule.fit`."""
        clips, levels = probabilities.shape[:2]
        every = range(1, levels + 1)
        return FittedLevel(
            min(every, key=lambda level: average_cost(probabilities, labels, np.full(clips, level), price))
        )


FIXED_LEVEL = FixedLevel("Fixed ratio", FittedLevel)
