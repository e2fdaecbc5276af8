"""Which class is taken for which: the confusion matrix at one observation ratio, and its largest mistakes.

Pure functions on NumPy arrays. The heat map is the template's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mistake:
    """One class taken for another: indices, and the share of the first one's clips."""

    true: int
    predicted: int
    share: float


def confusion(predicted: NDArray[np.integer], labels: NDArray[np.integer], num_classes: int) -> NDArray[np.float64]:
    """Return for each class the share of its clips that is taken for each class, over all seeds.

    Args:
        predicted: (seeds, clips) class indices.
        labels: (clips,).
        num_classes: C.

    Returns:
        (C, C), true class by predicted class; the row of a class without clips is 0.
    """
    counts = np.zeros((num_classes, num_classes))
    np.add.at(counts, (np.broadcast_to(labels, predicted.shape), predicted), 1)
    totals = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0))


def occurring(matrices: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the classes that are true or predicted anywhere in matrices (M, C, C), in their order."""
    total = matrices.sum(axis=0)
    return np.flatnonzero(total.sum(axis=0) + total.sum(axis=1))


def most_confused(matrix: NDArray[np.float64], number: int) -> list[Mistake]:
    """Return the largest mistakes of a matrix (C, C), the largest first; of equal ones the first class first."""
    wrong = matrix * (1 - np.eye(len(matrix)))
    order = np.argsort(-wrong, axis=None, kind="stable")[:number]
    pairs = [divmod(int(index), len(matrix)) for index in order]
    return [
        Mistake(true, predicted, float(wrong[true, predicted])) for true, predicted in pairs if wrong[true, predicted]
    ]
