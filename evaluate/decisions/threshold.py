"""The rule "threshold": stop when the most probable class has at least a certain probability."""

from dataclasses import dataclass

from evaluate.decisions.cost import average_cost
from evaluate.decisions.rule import DecisionRule, FittedRule, Stops, confidence
from evaluate.scoring.earliness import THRESHOLDS, decide
from evaluate.scoring.metrics import Floats, Labels


@dataclass(frozen=True, eq=False)
class FittedThreshold(FittedRule):
    """A threshold of confidence."""

    threshold: float

    def stops(self, probabilities: Floats) -> Stops:
        """See `FittedRule.stops`."""
        return confidence(probabilities) >= self.threshold


@dataclass(frozen=True)
class Threshold(DecisionRule):
    """The threshold that costs least; of several the lowest, because it decides earlier."""

    def fit(self, probabilities: Floats, labels: Labels, price: float) -> FittedRule:
        """See `DecisionRule.fit`."""

        def cost(threshold: float) -> float:
            return average_cost(probabilities, labels, decide(probabilities, threshold).level, price)

        return FittedThreshold(min(THRESHOLDS, key=cost))


THRESHOLD = Threshold("Confidence threshold", FittedThreshold)
