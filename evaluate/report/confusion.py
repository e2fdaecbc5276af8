"""The confusion matrix at one observation ratio, and its most frequent mistakes: pure functions on NumPy arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mistake:
    """A true class and another predicted class (indices), and the share of the true class's clips."""

    true: int
    predicted: int
    share: float


def confusion(predicted: NDArray[np.integer], labels: NDArray[np.integer], num_classes: int) -> NDArray[np.float64]:
    """Return for each true class the share of its clips that is predicted as each class, over all seeds.

    Args:
        predicted: (seeds, clips) class indices.
        labels: (clips,).
        num_classes: C.

    Returns:
        (C, C), true class by predicted class; the row of a class without clips has zeros.
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
    """Return the most frequent mistakes of a matrix (C, C), the largest share first; of equal ones the first class."""
    wrong = matrix * (1 - np.eye(len(matrix)))
    order = np.argsort(-wrong, axis=None, kind="stable")[:number]
    pairs = [divmod(int(index), len(matrix)) for index in order]
    return [
        Mistake(true, predicted, float(wrong[true, predicted])) for true, predicted in pairs if wrong[true, predicted]
    ]
