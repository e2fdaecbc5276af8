"""Calibration: whether the confidence equals the accuracy, by observation ratio (Guo et al., ICML 2017).

Pure functions on NumPy arrays, fractions in [0, 1]. The confidence is the probability of the most probable class.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.scoring.metrics import Floats, Labels, correct_by_ratio

BINS = 15  # as in the literature


@dataclass(frozen=True, eq=False)
class Reliability:
    """The content of each bin of confidence at each observation ratio, as a reliability diagram shows it.

    Attributes:
        count: (N, bins) number of clips.
        confidence: (N, bins) their mean confidence; NaN in an empty bin.
        accuracy: (N, bins) share of them that is right; NaN in an empty bin.
    """

    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def reliability(probabilities: Floats, labels: Labels, bins: int = BINS) -> Reliability:
    """Return the clips in bins of equal width by their confidence, at each observation ratio.

    Bin b has the confidences in [b/bins, (b + 1)/bins). The last bin also has 1.

    Args:
        probabilities: (clips, N, C).
        labels: (clips,), indices into C.
        bins: number of bins.
    """
    num_segments = probabilities.shape[1]
    confidence = probabilities.max(axis=2).astype(np.float64)  # (clips, N)
    # One `bincount` for all ratios: `scipy.stats.binned_statistic` needs a call for each ratio and each mean.
    own = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    cell = (own + bins * np.arange(num_segments)).ravel()  # a number for each ratio and bin

    def total(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.bincount(cell, weights=weights.ravel(), minlength=num_segments * bins)
        return np.asarray(sums, dtype=np.float64).reshape(num_segments, bins)

    count = total(np.ones_like(confidence))
    filled = np.where(count > 0, count, np.nan)
    right = correct_by_ratio(probabilities, labels).astype(np.float64)
    return Reliability(count.astype(np.int64), total(confidence) / filled, total(right) / filled)


def expected_calibration_error(probabilities: Floats, labels: Labels, bins: int = BINS) -> NDArray[np.float64]:
    """Return the expected calibration error: the mean over clips of the gap |accuracy − confidence| in their bin.

    With few clips per bin, the accuracy differs from the confidence by chance. So the error of a perfectly calibrated
    model is above 0. Compare methods on the same clips and bins only.

    Args:
        probabilities: (clips, N, C).
        labels: (clips,), indices into C.
        bins: number of bins.

    Returns:
        (N,) fractions; 0 is the best.
    """
    found = reliability(probabilities, labels, bins)
    gap = np.nan_to_num(np.abs(found.accuracy - found.confidence))  # an empty bin has no weight
    return np.asarray((found.count * gap).sum(axis=1) / len(labels))
