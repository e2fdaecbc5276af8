"""What decides on a recording while it is seen: a threshold of confidence, or a rule that is stored with the model."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from evaluate.decisions.rule import Stops
from evaluate.scoring.metrics import Floats


class DecisionMaker(ABC):
    """Tells at which levels the prediction of the moment is good enough. The first of them is the decision."""

    @abstractmethod
    def decided(self, probabilities: Floats) -> Stops:
        """Return at which of the levels that were seen a decision would be made.

        What is returned for a level depends on this level and on earlier ones only. So a program that follows a
        recording calls this after each segment, with all levels so far, until the last value is true.

        Args:
            probabilities: (n, C) of one recording, or (clips, n, C) of several, after the first n of N segments; as
                the model gives them.

        Returns:
            (n,) or (clips, n).
        """

    @abstractmethod
    def as_json(self) -> dict[str, float | str]:
        """Return what it is, as plain values."""


def prefers_a_class(probabilities: Floats) -> Stops:
    """Return where probabilities (..., C) are not all equal: before the first segment has ended they are, in clips that
    differ in their number of segments. Nothing was seen then, so nothing may be decided.
    """
    return np.asarray(probabilities.max(axis=-1) > probabilities.min(axis=-1))


@dataclass(frozen=True)
class ConfidenceThreshold(DecisionMaker):
    """Decides when the most probable class has at least a certain probability. It may never be reached."""

    threshold: float = 0.5

    def decided(self, probabilities: Floats) -> Stops:
        """See `DecisionMaker.decided`."""
        sure = probabilities.max(axis=-1).astype(np.float64) >= self.threshold
        return np.asarray(sure & prefers_a_class(probabilities))

    def as_json(self) -> dict[str, float | str]:
        """See `DecisionMaker.as_json`."""
        return {"threshold": self.threshold}
