"""Fitted rules are arrays, and compute what the objects of scikit-learn compute that they were taken from."""

from typing import Any

import numpy as np
import pytest

from evaluate.decisions.calimera import CALIMERA, FittedCalimera, calimera_measures
from evaluate.decisions.kernel import kernel_sum
from evaluate.decisions.teaser import TEASER, FittedTeaser, teaser_measures

CLIPS, LEVELS, CLASSES = 60, 5, 4
EXACT = 1e-9


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that become better with time; no prediction of the second level is right."""
    chance = np.random.default_rng(seed)
    labels = chance.integers(CLASSES, size=CLIPS)
    logits = chance.normal(size=(CLIPS, LEVELS, CLASSES))
    logits[np.arange(CLIPS), :, labels] += np.linspace(0, 4, LEVELS)
    logits[np.arange(CLIPS), 1, labels] = -9
    powers = np.exp(logits)
    return powers / powers.sum(axis=2, keepdims=True), labels


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The objects of scikit-learn that a test fits, in order."""
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.svm import OneClassSVM

    objects: list[Any] = []
    for kind in (KernelRidge, OneClassSVM):

        def fit(self: Any, *data: Any, original: Any = kind.fit) -> Any:
            objects.append(self)
            return original(self, *data)

        monkeypatch.setattr(kind, "fit", fit)
    return objects


def test_the_sum_is_that_of_scikit_learn_s_kernel() -> None:
    from sklearn.metrics.pairwise import rbf_kernel

    chance = np.random.default_rng(0)
    values, points, weights = chance.normal(size=(7, 3)), chance.normal(size=(11, 3)), chance.normal(size=11)
    expected = rbf_kernel(values, points, gamma=0.7) @ weights
    np.testing.assert_allclose(kernel_sum(values, points, weights, 0.7), expected, rtol=0, atol=EXACT)


def test_a_clip_s_value_has_the_same_bits_alone_and_among_others() -> None:
    chance = np.random.default_rng(0)
    values, points, weights = chance.random((90, 12)), chance.random((80, 12)), chance.normal(size=80)
    alone = [kernel_sum(values[clip : clip + 1], points, weights, 0.7)[0] for clip in range(len(values))]
    assert np.array_equal(kernel_sum(values, points, weights, 0.7), alone)


def test_calimera_is_kernel_ridge_regression(fitted: list[Any]) -> None:
    rule = CALIMERA.fit(*drawn(0), 0.3)
    assert isinstance(rule, FittedCalimera)
    measures = calimera_measures(drawn(1)[0])
    assert len(fitted) == LEVELS - 1
    for level, regression in enumerate(reversed(fitted)):  # the last level is fitted first
        expected = regression.predict(measures[:, level])
        np.testing.assert_allclose(rule.predict(measures[:, level], level), expected, rtol=0, atol=EXACT)


def test_teaser_is_one_class_support_vector_machines(fitted: list[Any]) -> None:
    rule = TEASER.fit(*drawn(0), 0.3)
    assert isinstance(rule, FittedTeaser)
    probabilities = drawn(1)[0]
    measures, accepted = teaser_measures(probabilities), rule.accepted(probabilities)
    machines = [machine for machine in fitted if machine.gamma == rule.width]
    machines.insert(1, None)  # no prediction is right there
    assert len(machines) == LEVELS and not accepted[:, 1].any()
    for level, machine in enumerate(machines):
        if machine is not None:
            own = measures[:, level]
            expected = machine.decision_function(own)
            np.testing.assert_allclose(rule.decide(own, level), expected, rtol=0, atol=EXACT)
            assert np.array_equal(accepted[:, level], machine.predict(own) == 1)
    assert accepted.any()
