"""The rule "calimera": stop when waiting is predicted to cost more than it saves.

CALIMERA (Bilski & Jastrzębska, "CALIMERA: A new early time series classification method", Information Processing &
Management 2023; their code is JakubBilski/CALIMERA). For each level but the last, a kernel ridge regression predicts
from the probabilities how much the cost will change. Levels are fitted backwards: where the regression of a level says
that a clip waits, its cost there is that of the next level. The cost of an error is estimated by 1 − p₁, where p₁ is
the calibrated probability of the predicted class. So the labels serve the calibration only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.decisions.kernel import kernel_sum
from evaluate.decisions.rule import DecisionRule, FittedRule, Stops, confidence, margin
from evaluate.scoring.metrics import Floats, Labels


@dataclass(frozen=True, eq=False)
class FittedCalimera(FittedRule):
    """The regression of each level but the last.

    Attributes:
        points: (N − 1, V, C + 2) the measures of the V clips that the rule was fitted on.
        weights: (N − 1, V) the dual coefficients.
        width: γ of the kernel.
    """

    points: NDArray[np.float64]
    weights: NDArray[np.float64]
    width: float

    def stops(self, probabilities: Floats) -> Stops:
        """See `FittedRule.stops`."""
        measures = calimera_measures(probabilities)
        stops = np.ones(measures.shape[:2], bool)
        for level in range(min(len(self.points), measures.shape[1])):
            stops[:, level] = self.predict(measures[:, level], level) > 0
        return stops

    def predict(self, measures: NDArray[np.float64], level: int) -> NDArray[np.float64]:
        """Return how much the cost is predicted to grow, (clips,), of measures (clips, C + 2) at a level from 0."""
        return kernel_sum(measures, self.points[level], self.weights[level], self.width)


@dataclass(frozen=True)
class Calimera(DecisionRule):
    """Kernel ridge regression with the settings of the authors' code: kernel "rbf", else scikit-learn's defaults."""

    def fit(self, probabilities: Floats, labels: Labels, price: float) -> FittedRule:
        """See `DecisionRule.fit`."""
        from sklearn.kernel_ridge import KernelRidge  # takes a second to load

        measures, num_levels = calimera_measures(probabilities), probabilities.shape[1]
        cost = (1 - price) * (1 - confidence(probabilities)) + price * np.arange(1, num_levels + 1) / num_levels
        weights = np.empty((num_levels - 1, len(measures)))
        for level in range(num_levels - 2, -1, -1):
            own = measures[:, level]
            regression = KernelRidge(kernel="rbf").fit(own, cost[:, level + 1] - cost[:, level])
            waits = regression.predict(own) <= 0
            cost[:, level] = np.where(waits, cost[:, level + 1], cost[:, level])
            weights[level] = regression.dual_coef_
        points = np.moveaxis(measures[:, :-1], 1, 0)
        return FittedCalimera(points, weights, 1 / measures.shape[2])  # the default of scikit-learn's kernel


def calimera_measures(probabilities: Floats) -> NDArray[np.float64]:
    """Return (clips, n, C + 2): the probabilities, the margin and the confidence."""
    own = (probabilities, margin(probabilities)[..., None], confidence(probabilities)[..., None])
    return np.concatenate(own, axis=2, dtype=np.float64)


CALIMERA = Calimera("CALIMERA", FittedCalimera)
