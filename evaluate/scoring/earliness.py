"""Early decisions: a threshold of confidence, its accuracy and earliness, and how soon a prediction stays right.

The rule: decide at the first progress level at which the most probable class has at least the threshold; if there is
none, at the last level. Level n of N is the observed fraction n/N, so the earliest decision is at 1/N, not at 0. Pure
functions on NumPy arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.scoring.metrics import Floats, Labels

# A fixed grid instead of the confidences that occur: so few choices cannot overfit a small validation split, and all
# seeds and methods choose among the same values.
THRESHOLDS = tuple(step / 20 for step in range(21))


@dataclass(frozen=True, eq=False)
class Decisions:
    """The decision on each clip: its `level` (clips,), counted from 1, and the class `predicted` (clips,) there."""

    level: NDArray[np.int64]
    predicted: NDArray[np.int64]


@dataclass(frozen=True)
class Decision:
    """The result of one threshold on some clips: means over the clips, as fractions.

    Attributes:
        threshold: the confidence that a decision needs.
        accuracy: accuracy of the decisions, each at its own level.
        earliness: observed fraction at the decision, 1/N … 1; less is earlier.
    """

    threshold: float
    accuracy: float
    earliness: float

    @property
    def harmonic_mean(self) -> float:
        """Harmonic mean of the accuracy and of 1 − earliness; 0 if one of them is 0."""
        return harmonic_mean(self.accuracy, self.earliness)


def harmonic_mean(accuracy: float, earliness: float) -> float:
    """Return the harmonic mean of the accuracy and of 1 − earliness; 0 if one of them is 0."""
    saved = 1 - earliness
    return 2 * accuracy * saved / (accuracy + saved) if accuracy + saved > 0 else 0.0


def decide(probabilities: Floats, threshold: float) -> Decisions:
    """Return the decisions on probabilities (clips, N, C). Of equally probable classes, the lowest index counts."""
    sure = probabilities.max(axis=2).astype(np.float64) >= threshold  # (clips, N)
    sure[:, -1] = True
    level = sure.argmax(axis=1)  # the first level with enough confidence
    return Decisions(level + 1, probabilities[np.arange(len(level)), level].argmax(axis=1))


def judge(probabilities: Floats, labels: Labels, threshold: float) -> Decision:
    """Return the result of a threshold on clips with labels: probabilities (clips, N, C), labels (clips,)."""
    decisions = decide(probabilities, threshold)
    accuracy = float((decisions.predicted == labels).mean())
    return Decision(threshold, accuracy, float(decisions.level.mean()) / probabilities.shape[1])


def choose_threshold(probabilities: Floats, labels: Labels, candidates: Sequence[float] = THRESHOLDS) -> float:
    """Return the candidate with the best harmonic mean; of several the lowest, because it decides earlier.

    Args:
        probabilities: (clips, N, C) of validation clips, never of test clips, on which the threshold is measured.
        labels: (clips,).
        candidates: the thresholds to choose from.
    """
    return max(sorted(candidates), key=lambda threshold: judge(probabilities, labels, threshold).harmonic_mean)


def time_to_correct(correct: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the fraction n/N from which on the prediction is right and stays right: (clips, N) → (clips,).

    The value is NaN for a clip that is wrong at the end.
    """
    num_segments = correct.shape[1]
    stays = np.logical_and.accumulate(correct[:, ::-1], axis=1).sum(axis=1)  # number of right levels at the end
    return np.where(stays > 0, (num_segments - stays + 1) / num_segments, np.nan)


def mean_time_to_correct(correct: NDArray[np.bool_]) -> float:
    """Return the mean of `time_to_correct` (clips, N). A clip that is wrong at the end counts as (N + 1)/N.

    If such clips were left out, a method that is right on easy clips only would look fast. With this value, the mean
    cannot become larger when one more clip becomes right.
    """
    num_segments = correct.shape[1]
    return float(np.nan_to_num(time_to_correct(correct), nan=(num_segments + 1) / num_segments).mean())
