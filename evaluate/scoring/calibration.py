"""Whether a probability can be taken at its word: expected calibration error and reliability, by observation ratio.

Pure functions on NumPy arrays, fractions in [0, 1]. The confidence is the probability of the most probable class
(Guo et al., ICML 2017). No drawing, no files, no labels' origin (`predictions`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.scoring.metrics import Floats, Labels, correct_by_ratio

BINS = 15  # as in the literature


@dataclass(frozen=True, eq=False)
class Reliability:
    """What is in each bin of confidence at each observation ratio: what a reliability diagram shows.

    Attributes:
        count: (N, bins) clips.
        confidence: (N, bins) their mean confidence; NaN in an empty bin.
        accuracy: (N, bins) the share of them that is right; NaN in an empty bin.
    """

    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def reliability(probabilities: Floats, labels: Labels, bins: int = BINS) -> Reliability:
    """Sort clips into `bins` of equal width by their confidence, at each observation ratio.

    Bin b holds confidences from b/bins up to, but without, (b + 1)/bins; the last holds 1 too.

    Args:
        probabilities: (clips, N, C).
        labels: (clips,), indices into C.
        bins: how many.
    """
    segments = probabilities.shape[1]
    confidence = probabilities.max(axis=2).astype(np.float64)  # (clips, N)
    # One `bincount` for all ratios; `scipy.stats.binned_statistic` would take a call for each ratio and each mean.
    own = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    cell = (own + bins * np.arange(segments)).ravel()  # one number a ratio and bin

    def total(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.bincount(cell, weights=weights.ravel(), minlength=segments * bins)
        return np.asarray(sums, dtype=np.float64).reshape(segments, bins)

    count = total(np.ones_like(confidence))
    filled = np.where(count > 0, count, np.nan)
    right = correct_by_ratio(probabilities, labels).astype(np.float64)
    return Reliability(count.astype(np.int64), total(confidence) / filled, total(right) / filled)


def expected_calibration_error(probabilities: Floats, labels: Labels, bins: int = BINS) -> NDArray[np.float64]:
    """How far confidence and accuracy are apart: the mean over clips of the gap in their bin of `reliability`.

    Few clips a bin differ from their probability by chance alone, so the error of a perfect model is above 0: compare
    methods on the same clips and bins.

    Args:
        probabilities: (clips, N, C).
        labels: (clips,), indices into C.
        bins: how many.

    Returns:
        (N,) fractions; 0 is the best.
    """
    found = reliability(probabilities, labels, bins)
    gap = np.nan_to_num(np.abs(found.accuracy - found.confidence))  # an empty bin weighs nothing
    return np.asarray((found.count * gap).sum(axis=1) / len(labels))
