"""Accuracy after so many seconds of a clip, where segments last a fixed time.

A segment of S seconds ends k·S seconds after the beginning of the recording for every clip, so all clips are compared
after the same time and not at the same share of their length. A clip that has ended counts with its last prediction.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.scoring.metrics import correct_by_ratio
from evaluate.scoring.predictions import AfterSegments


@dataclass(frozen=True, eq=False)
class SecondsScores:
    """The results of one model on the test clips after each segment, up to the end of the longest clip.

    Attributes:
        segment_seconds: S, how long a segment lasts.
        correct: (I, K) whether the most probable class is the label; after the end of a clip, that of its last segment.
        num_segments: (I,), how many segments each clip has, from 1 to K.
    """

    segment_seconds: float
    correct: NDArray[np.bool_]
    num_segments: NDArray[np.int64]

    @property
    def seconds(self) -> NDArray[np.float64]:
        """(K,) the time after each segment."""
        return self.segment_seconds * np.arange(1, self.correct.shape[1] + 1)

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """(K,) the share of all test clips that are right after each segment."""
        return np.asarray(self.correct.mean(axis=0))

    @property
    def clips_running(self) -> NDArray[np.int64]:
        """(K,) how many clips have this segment. The others have ended before."""
        levels = np.arange(1, self.correct.shape[1] + 1)
        return np.asarray((self.num_segments[:, None] >= levels).sum(axis=0), dtype=np.int64)


def score_seconds(predictions: AfterSegments, labels: NDArray[np.int64]) -> SecondsScores:
    """Return the scores of predictions after each segment.

    Args:
        predictions: of the test clips, in the order of `labels`.
        labels: (I,).
    """
    longest = int(predictions.num_segments.max())
    correct = correct_by_ratio(predictions.probabilities[:, :longest], labels)
    last = np.minimum(np.arange(longest), predictions.num_segments[:, None] - 1)  # (I, K)
    return SecondsScores(predictions.segment_seconds, np.take_along_axis(correct, last, 1), predictions.num_segments)
