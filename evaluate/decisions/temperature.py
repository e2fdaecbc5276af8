"""Temperature scaling: one number that makes the confidence equal to the accuracy (Guo et al., ICML 2017)."""

import numpy as np
from numpy.typing import NDArray

from evaluate.scoring.metrics import Floats, Labels

BOUNDS = (-4.0, 4.0)  # of the logarithm of the temperature
SMALLEST = 1e-12  # a probability of 0 has no logarithm


def fit_temperature(probabilities: Floats, labels: Labels) -> float:
    """Return the temperature with the lowest cross-entropy over all levels.

    Args:
        probabilities: (clips, N, C) of validation clips.
        labels: (clips,).
    """
    from scipy.optimize import minimize_scalar  # takes a second to load, and most commands do not need it

    def cross_entropy(logarithm: float) -> float:
        scaled = scale(probabilities, float(np.exp(logarithm)))
        own = np.take_along_axis(scaled, labels[:, None, None], axis=2)
        return float(-np.log(np.maximum(own, SMALLEST)).mean())

    return float(np.exp(minimize_scalar(cross_entropy, bounds=BOUNDS, method="bounded").x))


def scale(probabilities: Floats, temperature: float) -> NDArray[np.float64]:
    """Return probabilities at a temperature: p^(1/T), of sum 1. Above 1 they are more even. The order stays."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), SMALLEST)) / temperature
    powers = np.exp(logits - logits.max(axis=2, keepdims=True))
    return np.asarray(powers / powers.sum(axis=2, keepdims=True))
