"""Accuracy by observation ratio and what sums it up: pure functions on NumPy arrays, fractions in [0, 1].

An observation ratio is n/N: the first n of N segments seen. No files, no labels' origin, no per cent: those
are in `predictions` and `table`.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Labels = NDArray[np.integer]


def accuracy_by_ratio(probabilities: Floats, labels: Labels) -> NDArray[np.float64]:
    """Top-1 accuracy at each observation ratio (paper §3.1).

    A tie goes to the lowest class index, as argmax does.

    Args:
        probabilities: (clips, N, C).
        labels: (clips,), indices into C.

    Returns:
        (N,) fractions of the clips that are right after segment 1, 2, … N.
    """
    return topk_accuracy_by_ratio(probabilities, labels, k=1)


def topk_accuracy_by_ratio(probabilities: Floats, labels: Labels, k: int = 5) -> NDArray[np.float64]:
    """Share of clips whose label is among the k most probable classes, at each observation ratio.

    Args:
        probabilities: (clips, N, C).
        labels: (clips,), indices into C.
        k: how many guesses a clip has.

    Returns:
        (N,) fractions.
    """
    return np.asarray(correct_by_ratio(probabilities, labels, k).mean(axis=0), dtype=np.float64)


def correct_by_ratio(probabilities: Floats, labels: Labels, k: int = 1) -> NDArray[np.bool_]:
    """Whether each clip's label is among its k most probable classes, at each observation ratio.

    Equal probabilities rank by class index, so that k = 1 is argmax also under ties and k ≥ C is always right.

    Args:
        probabilities: (clips, N, C).
        labels: (clips,), indices into C.
        k: how many guesses a clip has.

    Returns:
        (clips, N), clip by clip what `accuracy_by_ratio` is the mean of.
    """
    own = np.take_along_axis(probabilities, labels[:, None, None], axis=2)  # (clips, N, 1)
    before = np.arange(probabilities.shape[2]) < labels[:, None, None]  # (clips, 1, C)
    rank = (probabilities > own).sum(axis=2) + ((probabilities == own) & before).sum(axis=2)  # (clips, N)
    return np.asarray(rank < k)


def auc_mean(accuracy: Floats) -> float:
    """AUC as this literature prints it: the mean of the accuracy (N,) over the N observation ratios.

    The paper states no definition; this one reproduces its tables and those it quotes with all ten ratios
    (TS-LSTM on UCF101: mean 89.637, printed 89.6).
    """
    return float(np.mean(accuracy))


def auc_trapezoid(accuracy: Floats) -> float:
    """Area under the accuracy (N,) by the trapezoid rule over the ratios 1/N … 1, divided by its width 1 − 1/N.

    Half weight on the first and last ratio; with one ratio, the accuracy itself. Not the paper's AUC.
    """
    if len(accuracy) == 1:
        return float(accuracy[0])
    return float(np.trapezoid(accuracy) / (len(accuracy) - 1))


def mean_and_std(values: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Mean and sample standard deviation (n − 1) over the first axis, the seeds; one seed has no deviation.

    Args:
        values: (seeds, ...).

    Returns:
        Mean (...) and deviation (...), or None for one seed.
    """
    values = np.asarray(values, dtype=np.float64)
    return np.asarray(values.mean(axis=0)), np.asarray(values.std(axis=0, ddof=1)) if len(values) > 1 else None
