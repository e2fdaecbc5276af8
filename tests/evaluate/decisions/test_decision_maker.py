"""A threshold of confidence decides where a class is probable enough, or never."""

import numpy as np

from evaluate.decisions.decision_maker import ConfidenceThreshold

PROBABILITIES = np.array([[0.4, 0.4, 0.2], [0.3, 0.5, 0.2], [0.2, 0.2, 0.6]], np.float32)


def test_a_threshold_of_confidence() -> None:
    assert ConfidenceThreshold().decided(PROBABILITIES).tolist() == [False, True, True]
    assert ConfidenceThreshold(0.7).decided(PROBABILITIES).tolist() == [False] * 3
    nothing_seen = np.full((2, 2), 0.5, np.float32)
    nothing_seen[1] = 0.4, 0.6
    assert ConfidenceThreshold().decided(nothing_seen).tolist() == [False, True]
    several = ConfidenceThreshold(0.4).decided(np.stack([PROBABILITIES, PROBABILITIES[::-1]]))
    assert several.tolist() == [[True] * 3] * 2
