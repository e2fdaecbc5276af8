"""When to decide, and what that costs: a threshold of confidence, earliness, and how soon a clip is right for good.

The rule: decide at the first progress level where the most probable class has at least the threshold, and at the last
level where none has. Level n of N stands for the observed fraction n/N, so the earliest decision is at 1/N, not at 0.
Pure functions on NumPy arrays; who may choose a threshold, and on which clips, is said in `predictions`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.scoring.metrics import Floats, Labels

# A fixed grid, not the confidences that occur: few choices cannot fit a small validation split by heart, and seeds
# and methods choose among the same ones.
THRESHOLDS = tuple(step / 20 for step in range(21))


@dataclass(frozen=True, eq=False)
class Decisions:
    """What the rule does with each clip: `level` (clips,), counted from 1, and the class `predicted` (clips,) there."""

    level: NDArray[np.int64]
    predicted: NDArray[np.int64]


@dataclass(frozen=True)
class Decision:
    """How one threshold does on some clips; all but the threshold are means over them, as fractions.

    Attributes:
        threshold: of confidence.
        accuracy: of the decisions, each at its own level.
        earliness: observed fraction at the decision, 1/N … 1: the less, the earlier.
    """

    threshold: float
    accuracy: float
    earliness: float

    @property
    def harmonic_mean(self) -> float:
        """Harmonic mean of the accuracy and of the fraction not waited for; 0 where either is 0."""
        saved = 1 - self.earliness
        return 2 * self.accuracy * saved / (self.accuracy + saved) if self.accuracy + saved > 0 else 0.0


def decide(probabilities: Floats, threshold: float) -> Decisions:
    """Apply the rule to probabilities (clips, N, C); a tie of classes goes to the lowest index."""
    sure = probabilities.max(axis=2).astype(np.float64) >= threshold  # (clips, N)
    sure[:, -1] = True
    level = sure.argmax(axis=1)  # the first that is
    return Decisions(level + 1, probabilities[np.arange(len(level)), level].argmax(axis=1))


def judge(probabilities: Floats, labels: Labels, threshold: float) -> Decision:
    """Return how the rule does on clips with labels: probabilities (clips, N, C), labels (clips,)."""
    decisions = decide(probabilities, threshold)
    accuracy = float((decisions.predicted == labels).mean())
    return Decision(threshold, accuracy, float(decisions.level.mean()) / probabilities.shape[1])


def choose_threshold(probabilities: Floats, labels: Labels, candidates: Sequence[float] = THRESHOLDS) -> float:
    """Return the candidate with the best harmonic mean, of several the lowest: it decides earlier.

    Args:
        probabilities: (clips, N, C) of validation clips; chosen on test clips, it would be part of what is measured.
        labels: (clips,).
        candidates: thresholds.
    """
    return max(sorted(candidates), key=lambda threshold: judge(probabilities, labels, threshold).harmonic_mean)


def time_to_correct(correct: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the fraction n/N from which on a clip is right and stays right: (clips, N) → (clips,).

    NaN where it is wrong at the end.
    """
    segments = correct.shape[1]
    stays = np.logical_and.accumulate(correct[:, ::-1], axis=1).sum(axis=1)  # levels at the end that are all right
    return np.where(stays > 0, (segments - stays + 1) / segments, np.nan)


def mean_time_to_correct(correct: NDArray[np.bool_]) -> float:
    """Return the mean of `time_to_correct` (clips, N), where never counts as one level after the last, (N + 1)/N.

    Left out, the clips that are never right would make a method look fast that is right in the easy ones only. Counted
    so, the mean is less than what it stands for, and no clip that is mended makes it worse.
    """
    segments = correct.shape[1]
    return float(np.nan_to_num(time_to_correct(correct), nan=(segments + 1) / segments).mean())
