"""Deciding early, choosing the threshold, and right for good: by hand and against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.scoring.earliness import (
    THRESHOLDS,
    Decision,
    choose_threshold,
    decide,
    judge,
    mean_time_to_correct,
    time_to_correct,
)


def told(*clips):
    """(clips, N, 2) probabilities from that of class 1 at each level."""
    ones = np.array(clips, dtype=np.float32)
    return np.stack([1 - ones, ones], axis=2)


# Level by level: sure of 1 from the second on, sure of 0 at once, never sure.
THREE = told([0.5, 0.75, 0.25, 1.0], [0.125, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.625])


@pytest.mark.parametrize(
    ("threshold", "level", "predicted"),
    [
        (0.0, [1, 1, 1], [0, 0, 0]),  # a tie is class 0
        (0.75, [2, 1, 4], [1, 0, 1]),  # the threshold itself is enough
        (0.8, [4, 1, 4], [1, 0, 1]),
        (1.0, [4, 4, 4], [1, 0, 1]),
        (1.1, [4, 4, 4], [1, 0, 1]),
    ],
)
def test_decisions_by_hand(threshold, level, predicted):
    decisions = decide(THREE, threshold)
    assert decisions.level.tolist() == level
    assert decisions.predicted.tolist() == predicted


def test_judged_by_hand():
    found = judge(THREE, np.array([1, 1, 1]), 0.75)
    assert (found.threshold, found.accuracy, found.earliness) == (0.75, 2 / 3, pytest.approx(7 / 12))
    assert found.harmonic_mean == pytest.approx(2 / (3 / 2 + 12 / 5))


@pytest.mark.parametrize(
    ("accuracy", "earliness", "mean"),
    [(1.0, 0.1, 2 * 0.9 / 1.9), (0.5, 0.5, 0.5), (0.0, 0.1, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0)],
)
def test_harmonic_mean_by_hand(accuracy, earliness, mean):
    assert Decision(0.5, accuracy, earliness).harmonic_mean == pytest.approx(mean)


@settings(deadline=None, max_examples=60)
@given(st.data(), st.floats(0, 1))
def test_the_rule_is_the_plain_loop(cases, data, threshold):
    probabilities, labels = data.draw(cases)
    segments = probabilities.shape[1]
    levels, right = [], 0
    for clip, label in zip(probabilities, labels, strict=True):
        level = next((n for n in range(segments) if float(clip[n].max()) >= threshold), segments - 1)
        levels.append(level + 1)
        right += int(clip[level].argmax()) == label
    found = judge(probabilities, labels, threshold)
    assert decide(probabilities, threshold).level.tolist() == levels
    assert found.accuracy == pytest.approx(right / len(labels))
    assert found.earliness == pytest.approx(np.mean(levels) / segments)


@settings(deadline=None, max_examples=60)
@given(st.data(), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_decides_earlier(cases, data, one, two):
    probabilities, _ = data.draw(cases)
    assert (decide(probabilities, max(one, two)).level >= decide(probabilities, min(one, two)).level).all()


@settings(deadline=None, max_examples=40)
@given(st.data(), st.permutations(THRESHOLDS))
def test_the_chosen_threshold_is_the_best_and_the_lowest_of_those(cases, data, candidates):
    case = data.draw(cases)
    chosen = choose_threshold(*case, candidates)
    best = judge(*case, chosen).harmonic_mean
    for candidate in candidates:
        mean = judge(*case, candidate).harmonic_mean
        assert mean < best or (mean == best and candidate >= chosen)


def test_waiting_pays_where_the_first_guess_is_wrong():
    """Half sure and wrong at 1 of 4, sure and right at 2: thresholds above a half wait for it, 0.55 is the first."""
    assert choose_threshold(told([0.5, 1.0, 1.0, 1.0]), np.array([1])) == 0.55
    assert choose_threshold(told([1.0, 1.0, 1.0, 1.0]), np.array([1])) == 0.0  # nothing to wait for


def test_the_grid_is_nought_to_one_in_twentieths():
    assert [f"{threshold:.2f}" for threshold in THRESHOLDS] == [f"{0.05 * step:.2f}" for step in range(21)]


def test_right_for_good_by_hand():
    correct = np.array([[1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 0], [0, 0, 0, 0]], dtype=bool)
    assert time_to_correct(correct)[:3].tolist() == [0.25, 1.0, 0.75]
    assert np.isnan(time_to_correct(correct)[3:]).all()
    assert mean_time_to_correct(correct) == pytest.approx((0.25 + 1 + 0.75 + 1.25 + 1.25) / 5)


rights = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32 - 1)).map(
    lambda case: np.random.default_rng(case[2]).random(case[:2]) < 0.7
)


@settings(deadline=None, max_examples=60)
@given(rights)
def test_right_for_good_is_the_plain_loop(correct):
    segments = correct.shape[1]
    for clip, found in zip(correct, time_to_correct(correct), strict=True):
        levels = [n for n in range(1, segments + 1) if clip[n - 1 :].all()]
        assert found == levels[0] / segments if levels else np.isnan(found)


@settings(deadline=None, max_examples=60)
@given(rights, st.data())
def test_mending_a_guess_never_makes_the_mean_later(correct, data):
    """So a method that learns hard clips late does not look slower for it."""
    mended = correct.copy()
    mended[tuple(data.draw(st.integers(0, size - 1)) for size in correct.shape)] = True
    assert mean_time_to_correct(mended) <= mean_time_to_correct(correct) + 1e-12
