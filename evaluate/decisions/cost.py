"""The cost of decisions: an error costs something, and so does waiting (Dachraoui et al., ECML 2015).

It is the cost that the survey arXiv 2406.18332 calls AvgCost, with equal costs of all errors and a cost of waiting that
grows evenly with the observed fraction.
"""

import numpy as np
from numpy.typing import NDArray

from evaluate.scoring.metrics import Floats, Labels

Levels = NDArray[np.int64]


def costs(probabilities: Floats, labels: Labels, levels: Levels, price: float) -> NDArray[np.float64]:
    """Return the cost of each decision, (clips,): (1 − price) if it is wrong, and price · n/N for its level n.

    Args:
        probabilities: (clips, N, C).
        labels: (clips,).
        levels: (clips,) of the decisions, 1 … N.
        price: of waiting, 0 … 1. At 0 only errors count, at 1 only time.
    """
    count = np.arange(len(levels))
    wrong = probabilities[count, levels - 1].argmax(axis=1) != labels
    return np.asarray((1 - price) * wrong + price * levels / probabilities.shape[1])


def average_cost(probabilities: Floats, labels: Labels, levels: Levels, price: float) -> float:
    """Return the mean of `costs`."""
    return float(costs(probabilities, labels, levels, price).mean())


def lowest_average_cost(probabilities: Floats, labels: Labels, price: float) -> float:
    """Return the average cost of a rule that knew each clip's best level in advance. No rule can have a lower one."""
    num_segments = probabilities.shape[1]
    wrong = probabilities.argmax(axis=2) != labels[:, None]  # (clips, N)
    every = (1 - price) * wrong + price * np.arange(1, num_segments + 1) / num_segments
    return float(every.min(axis=1).mean())
