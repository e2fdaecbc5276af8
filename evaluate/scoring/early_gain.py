"""Accuracy by class, the gain over a baseline in the early half, and the agreement of two models.

Pure functions on NumPy arrays, fractions in [0, 1]. `statistics` has the tests of a gain.
"""

import numpy as np
from numpy.typing import NDArray

from evaluate.scoring.metrics import Floats, Labels


def accuracy_by_class(correct: NDArray[np.bool_], labels: Labels, num_classes: int) -> NDArray[np.float64]:
    """Return the accuracy of each class at each observation ratio.

    Args:
        correct: (clips, N).
        labels: (clips,), indices into the classes.
        num_classes: C.

    Returns:
        (C, N) fractions; NaN for a class without clips.
    """
    own = np.arange(num_classes)[:, None] == labels  # (C, clips)
    count = own.sum(axis=1, keepdims=True)
    return np.asarray((own @ correct.astype(np.float64)) / np.where(count > 0, count, np.nan))


def early_gain(accuracy: Floats, baseline: Floats) -> NDArray[np.float64]:
    """Return how much more accurate a method is than a baseline while at most half of a clip is seen.

    The gain is the mean over the ratios up to 1/2: the first N/2 of N, rounded down. With N = 1, it is over that one.

    Args:
        accuracy: (..., N), for instance (C, N) by class.
        baseline: (..., N).

    Returns:
        (...) differences of fractions; NaN where one of the accuracies is NaN.
    """
    early = max(1, accuracy.shape[-1] // 2)
    return np.asarray((accuracy - baseline)[..., :early].mean(axis=-1), dtype=np.float64)


def agreement(probabilities: Floats, others: Floats) -> NDArray[np.float64]:
    """Return the share of clips for which two models, such as teacher and student, predict the same class.

    The class may be right or wrong. Of equally probable classes, the lowest index counts.

    Args:
        probabilities: (clips, N, C).
        others: (clips, N, C), the same clips and ratios.

    Returns:
        (N,) fractions.
    """
    return np.asarray((probabilities.argmax(axis=2) == others.argmax(axis=2)).mean(axis=0), dtype=np.float64)
