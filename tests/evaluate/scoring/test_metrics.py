"""Accuracy and areas against loops written from their definitions."""

import itertools
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.scoring.metrics import accuracy_by_ratio, auc_mean, auc_trapezoid, mean_and_std, topk_accuracy_by_ratio

# TS-LSTM on UCF101 at 10 … 100 %, with its printed AUC: the row that tells which area the literature means.
TS_LSTM = [83.32, 87.13, 88.92, 89.82, 90.85, 91.04, 91.28, 91.23, 91.31, 91.47]
TS_LSTM_AUC = 89.64


@st.composite
def cases(draw):
    clips, segments, classes = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(1, 7))
    cells = st.integers(0, 3)  # few values: many ties
    values = draw(st.lists(cells, min_size=clips * segments * classes, max_size=clips * segments * classes))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=clips, max_size=clips))
    return np.array(values, dtype=np.float32).reshape(clips, segments, classes) / 3, np.array(labels)


@settings(deadline=None, max_examples=60)
@given(cases(), st.integers(1, 9))
def test_topk_is_the_plain_loop(case, k):
    probabilities, labels = case
    expected = []
    for n in range(probabilities.shape[1]):
        right = 0
        for clip, label in enumerate(labels):
            row = probabilities[clip, n].tolist()
            guesses = sorted(range(len(row)), key=lambda c: (-row[c], c))[:k]
            right += int(label) in guesses
        expected.append(right / len(labels))
    assert topk_accuracy_by_ratio(probabilities, labels, k=k) == pytest.approx(expected)


@settings(deadline=None, max_examples=60)
@given(cases())
def test_accuracy_is_argmax_with_ties_to_the_lowest_index(case):
    probabilities, labels = case
    expected = (probabilities.argmax(axis=2) == labels[:, None]).mean(axis=0)
    assert accuracy_by_ratio(probabilities, labels).tolist() == expected.tolist()


def test_five_guesses_among_three_classes_are_always_right():
    probabilities = np.full((2, 10, 3), 1 / 3, dtype=np.float32)
    assert topk_accuracy_by_ratio(probabilities, np.array([2, 1]), k=5).tolist() == [1.0] * 10


def test_the_mean_of_ten_is_the_area_the_literature_prints():
    assert auc_mean(np.array(TS_LSTM)) == pytest.approx(89.637)
    assert round(auc_mean(np.array(TS_LSTM)), 2) == TS_LSTM_AUC
    assert round(auc_trapezoid(np.array(TS_LSTM)), 1) != 89.6


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_trapezoid_is_the_area_over_its_width(accuracy):
    count = len(accuracy)
    area = sum((left + right) / 2 / count for left, right in itertools.pairwise(accuracy))
    assert auc_trapezoid(np.array(accuracy)) == pytest.approx(area / (1 - 1 / count))


def test_one_ratio_has_its_accuracy_as_area():
    assert auc_trapezoid(np.array([0.25])) == 0.25 == auc_mean(np.array([0.25]))


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_deviation_is_the_sample_deviation(values):
    mean, std = mean_and_std(np.array(values)[:, None])
    assert std is not None
    assert mean[0] == pytest.approx(statistics.mean(values))
    assert std[0] == pytest.approx(statistics.stdev(values), abs=1e-9)


def test_one_seed_has_no_deviation():
    mean, std = mean_and_std(np.array([[0.5, 0.75]]))
    assert mean.tolist() == [0.5, 0.75]
    assert std is None
