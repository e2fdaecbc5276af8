"""Gains by class and agreement, by hand and against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.scoring.early_gain import accuracy_by_class, agreement, early_gain


def test_accuracy_by_class_by_hand():
    correct = np.array([[0, 1], [1, 1], [0, 0]], dtype=bool)
    found = accuracy_by_class(correct, np.array([2, 2, 0]), num_classes=3)
    assert found[0].tolist() == [0.0, 0.0]
    assert np.isnan(found[1]).all()  # no clips
    assert found[2].tolist() == [0.5, 1.0]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_accuracy_by_class_is_the_plain_loop_and_its_mean_over_clips_is_the_accuracy(labels, segments, seed):
    correct = np.random.default_rng(seed).random((len(labels), segments)) < 0.5
    found = accuracy_by_class(correct, np.array(labels), num_classes=4)
    for label in range(4):
        own = [row for row, its in zip(correct, labels, strict=True) if its == label]
        expected = np.mean(own, axis=0) if own else np.full(segments, np.nan)
        assert found[label] == pytest.approx(expected, nan_ok=True)
    count = np.bincount(labels, minlength=4)
    assert count @ np.nan_to_num(found) / len(labels) == pytest.approx(correct.mean(axis=0))


@pytest.mark.parametrize(("segments", "early"), [(10, 5), (5, 2), (3, 1), (2, 1), (1, 1)])
def test_only_what_is_seen_by_half_of_a_clip_counts(segments, early):
    baseline = np.zeros((2, segments))
    accuracy = baseline.copy()
    accuracy[1, early:] = 1.0  # late only
    assert early_gain(accuracy, baseline).tolist() == [0.0, 0.0]
    accuracy[1, early - 1] = 1.0
    assert early_gain(accuracy, baseline).tolist() == [0.0, 1 / early]
    assert early_gain(baseline, accuracy).tolist() == [0.0, -1 / early]


def test_a_class_without_clips_has_no_gain_and_seeds_may_stand_before_classes():
    accuracy = np.array([[[0.5, 1.0], [np.nan, np.nan]], [[0.25, 1.0], [np.nan, np.nan]]])  # (2 seeds, C=2, N=2)
    gain = early_gain(accuracy, np.zeros((2, 2, 2)))
    assert gain[:, 0].tolist() == [0.5, 0.25]
    assert np.isnan(gain[:, 1]).all()


def test_agreement_is_of_the_class_said_right_or_wrong():
    ours = np.array([[[0.6, 0.4], [0.5, 0.5]], [[0.1, 0.9], [0.9, 0.1]]])
    theirs = np.array([[[0.9, 0.1], [0.7, 0.3]], [[0.8, 0.2], [1.0, 0.0]]])
    assert agreement(ours, theirs).tolist() == [0.5, 1.0]  # a tie says the first class
    assert agreement(ours, ours).tolist() == [1.0, 1.0]
