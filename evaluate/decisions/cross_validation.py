"""Cross-validation of a rule: its cost on clips that it was not fitted on."""

from collections.abc import Callable

import numpy as np

from evaluate.decisions.cost import costs
from evaluate.decisions.rule import FittedRule, decided_levels
from evaluate.scoring.metrics import Floats, Labels

FOLDS = 5


def cross_validated_cost(
    fit: Callable[[Floats, Labels], FittedRule], probabilities: Floats, labels: Labels, price: float
) -> float:
    """Return the average cost over clips, each decided by a rule that was fitted without the clip's fold.

    Clips are dealt to the folds class by class, so that every fold has all classes where there are enough clips.

    Args:
        fit: takes probabilities (clips, N, C) and labels (clips,).
        probabilities: (clips, N, C); two clips or more.
        labels: (clips,).
        price: of waiting.
    """
    order = np.argsort(labels, kind="stable")
    fold = np.empty(len(labels), np.int64)
    fold[order] = np.arange(len(labels)) % min(FOLDS, len(labels))
    found = np.empty(len(labels))
    for number in range(fold.max() + 1):
        own = fold == number
        rule = fit(probabilities[~own], labels[~own])
        levels = decided_levels(rule.stops(probabilities[own]))
        found[own] = costs(probabilities[own], labels[own], levels, price)
    return float(found.mean())
