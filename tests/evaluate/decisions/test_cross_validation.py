"""No clip is decided by a rule that was fitted on it."""

import numpy as np

from evaluate.decisions.cross_validation import cross_validated_cost
from evaluate.decisions.fixed_level import FittedLevel
from evaluate.decisions.rule import FittedRule
from evaluate.scoring.metrics import Floats, Labels


def test_every_clip_is_decided_once_without_its_own_fold() -> None:
    labels = np.repeat(np.arange(4), 6)
    probabilities = np.zeros((24, 3, 4))
    probabilities[:, 0] = np.linspace(0, 1, 24)[:, None]  # tells the clips apart
    judged: list[float] = []

    class Noting(FittedLevel):
        fitted_on: frozenset[float] = frozenset()

        def stops(self, own: Floats) -> np.ndarray:
            clips = set(own[:, 0, 0].tolist())
            assert not clips & fitted
            judged.extend(clips)
            return super().stops(own)

    fitted: set[float] = set()

    def fit(own: Floats, own_labels: Labels) -> FittedRule:
        nonlocal fitted
        fitted = set(own[:, 0, 0].tolist())
        assert set(own_labels.tolist()) == {0, 1, 2, 3}, "every class is in every fold"
        return Noting(2)

    cost = cross_validated_cost(fit, probabilities, labels, 1.0)
    assert sorted(judged) == sorted(probabilities[:, 0, 0].tolist())
    assert cost == 2 / 3
