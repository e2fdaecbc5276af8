"""Accuracy by observation ratio and the areas under it: pure functions on NumPy arrays, fractions in [0, 1].

An observation ratio is n/N: the model has seen the first n of N segments.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Labels = NDArray[np.integer]


def accuracy_by_ratio(probabilities: Floats, labels: Labels) -> NDArray[np.float64]:
    """Return the top-1 accuracy at each observation ratio (paper, section 3.1).

    Of equally probable classes, the lowest index counts, as in argmax.

    Args:
        probabilities: (clips, N, C).
        labels: (clips,), indices into C.

    Returns:
        (N,) fractions of the clips that are right after segment 1, 2, … N.
    """
    return topk_accuracy_by_ratio(probabilities, labels, k=1)


def topk_accuracy_by_ratio(probabilities: Floats, labels: Labels, k: int = 5) -> NDArray[np.float64]:
    """Return the share of clips whose label is among the k most probable classes, at each observation ratio.

    Args:
        probabilities: (clips, N, C).
        labels: (clips,), indices into C.
        k: number of classes that count.

    Returns:
        (N,) fractions.
    """
    return np.asarray(correct_by_ratio(probabilities, labels, k).mean(axis=0), dtype=np.float64)


def correct_by_ratio(probabilities: Floats, labels: Labels, k: int = 1) -> NDArray[np.bool_]:
    """Return whether each clip's label is among its k most probable classes, at each observation ratio.

    Equal probabilities rank by class index, so that k = 1 is argmax also for ties, and k ≥ C is always right.

    Args:
        probabilities: (clips, N, C).
        labels: (clips,), indices into C.
        k: number of classes that count.

    Returns:
        (clips, N); for k = 1, `accuracy_by_ratio` is its mean over the clips.
    """
    own = np.take_along_axis(probabilities, labels[:, None, None], axis=2)  # (clips, N, 1)
    before = np.arange(probabilities.shape[2]) < labels[:, None, None]  # (clips, 1, C)
    rank = (probabilities > own).sum(axis=2) + ((probabilities == own) & before).sum(axis=2)  # (clips, N)
    return np.asarray(rank < k)


def auc_mean(accuracy: Floats) -> float:
    """Return the AUC of this literature: the mean of the accuracy (N,) over the N observation ratios.

    The paper states no definition. This one reproduces its tables, and those that it quotes with all ten ratios
    (TS-LSTM on UCF101: mean 89.637, printed 89.6).
    """
    return float(np.mean(accuracy))


def auc_trapezoid(accuracy: Floats) -> float:
    """Return the area under the accuracy (N,) by the trapezoid rule, divided by its width 1 − 1/N.

    The first and the last ratio have half weight. With one ratio, it is the accuracy itself. The paper's AUC is
    `auc_mean`, not this area.
    """
    if len(accuracy) == 1:
        return float(accuracy[0])
    return float(np.trapezoid(accuracy) / (len(accuracy) - 1))


def mean_and_std(values: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return mean and sample standard deviation (n − 1) over the first axis, the seeds.

    Args:
        values: (seeds, ...).

    Returns:
        The mean (...) and the deviation (...); None instead of the deviation of one seed.
    """
    values = np.asarray(values, dtype=np.float64)
    return np.asarray(values.mean(axis=0)), np.asarray(values.std(axis=0, ddof=1)) if len(values) > 1 else None
