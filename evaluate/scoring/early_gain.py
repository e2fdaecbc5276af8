"""Where a method gains: accuracy class by class, its early part against a baseline's, agreement of two models.

Pure functions on NumPy arrays, fractions in [0, 1]. How sure a gain is: `statistics`.
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
        (C, N) fractions; NaN where a class has no clips.
    """
    own = np.arange(num_classes)[:, None] == labels  # (C, clips)
    count = own.sum(axis=1, keepdims=True)
    return np.asarray((own @ correct.astype(np.float64)) / np.where(count > 0, count, np.nan))


def early_gain(accuracy: Floats, baseline: Floats) -> NDArray[np.float64]:
    """Return how much more accurate a method is than a baseline while at most half of a clip is seen.

    The mean over the ratios up to 1/2, that is the first N/2 of N, rounded down; with N = 1, over that one.

    Args:
        accuracy: (..., N), for instance (C, N) by class.
        baseline: (..., N).

    Returns:
        (...) differences of fractions; NaN where either is.
    """
    early = max(1, accuracy.shape[-1] // 2)
    return np.asarray((accuracy - baseline)[..., :early].mean(axis=-1), dtype=np.float64)


def agreement(probabilities: Floats, others: Floats) -> NDArray[np.float64]:
    """Return the share of clips of which two models, such as teacher and student, say the same class.

    Whether it is right does not matter; a tie goes to the lowest class index.

    Args:
        probabilities: (clips, N, C).
        others: (clips, N, C), the same clips and ratios.

    Returns:
        (N,) fractions.
    """
    return np.asarray((probabilities.argmax(axis=2) == others.argmax(axis=2)).mean(axis=0), dtype=np.float64)
