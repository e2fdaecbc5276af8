"""The entry of a decision rule: when the prediction of the moment becomes the decision.

A rule sees the probabilities of the class at each level n of N, which is the observed fraction n/N. It decides at the
first level where it stops, and at level N in any case.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from evaluate.scoring.metrics import Floats, Labels

Stops = NDArray[np.bool_]
State = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class FittedRule(ABC):
    """A rule with everything that it has learned. All of its fields are arrays of float64, or numbers."""

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Return the fields as arrays by name; numbers are arrays without dimensions."""
        return {field.name: np.asarray(getattr(self, field.name), dtype=np.float64) for field in fields(self)}

    @abstractmethod
    def stops(self, probabilities: Floats) -> Stops:
        """Return the levels at which the rule would stop: probabilities (clips, n, C) → (clips, n).

        The clips may have been seen to any level n up to N. What is returned for a level depends on this level and on
        earlier ones, never on later ones.
        """


@dataclass(frozen=True)
class DecisionRule(ABC):
    """A rule that can be fitted.

    Attributes:
        title: its name in tables.
        fitted: the class of what `fit` returns.
    """

    title: str
    fitted: type[FittedRule]

    @abstractmethod
    def fit(self, probabilities: Floats, labels: Labels, price: float) -> FittedRule:
        """Return the rule for a price of waiting, fitted on clips with labels.

        Args:
            probabilities: (clips, N, C) of validation clips, calibrated.
            labels: (clips,).
            price: see `evaluate.decisions.cost.average_cost`.
        """

    def restore(self, state: State) -> FittedRule:
        """Return the fitted rule that has this state; see `FittedRule.state`.

        Raises:
            TypeError: the state is that of another rule.
        """
        return self.fitted(**{name: array if array.ndim else array.item() for name, array in state.items()})


def decided_levels(stops: Stops) -> NDArray[np.int64]:
    """Return the level of each decision, 1 … N, from the levels (clips, N) at which a rule would stop."""
    certain = stops.copy()
    certain[:, -1] = True
    return np.asarray(certain.argmax(axis=1) + 1)


def confidence(probabilities: Floats) -> NDArray[np.float64]:
    """Return the probability of the most probable class: (clips, n, C) → (clips, n)."""
    return np.asarray(probabilities.max(axis=2), dtype=np.float64)


def margin(probabilities: Floats) -> NDArray[np.float64]:
    """Return the probability of the most probable class minus that of the second one: (clips, n, C) → (clips, n)."""
    second, first = np.moveaxis(np.partition(probabilities.astype(np.float64), -2, axis=2)[:, :, -2:], 2, 0)
    return np.asarray(first - second)
