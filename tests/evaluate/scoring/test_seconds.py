"""Accuracy by seconds seen, against a loop over clips and times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.scoring.predictions import AfterSegments
from evaluate.scoring.seconds import score_seconds


@settings(deadline=None, max_examples=100)
@given(clips=st.integers(1, 8), most=st.integers(1, 6), classes=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_a_clip_that_has_ended_counts_with_its_last_prediction(clips: int, most: int, classes: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    probabilities = chance.dirichlet(np.ones(classes), size=(clips, most)).astype(np.float32)
    labels, counts = chance.integers(classes, size=clips), chance.integers(1, most + 1, size=clips)
    found = score_seconds(AfterSegments(0.25, probabilities, counts), labels)
    longest = max(counts)
    assert found.correct.shape == (clips, longest)
    for level in range(1, longest + 1):
        right = [probabilities[clip, min(level, counts[clip]) - 1].argmax() == labels[clip] for clip in range(clips)]
        assert found.correct[:, level - 1].tolist() == right
        assert found.accuracy[level - 1] == np.mean(right)
        assert found.clips_running[level - 1] == sum(count >= level for count in counts)
    assert found.seconds.tolist() == [0.25 * level for level in range(1, longest + 1)]


def test_what_follows_the_end_of_a_clip_makes_no_difference() -> None:
    chance = np.random.default_rng(0)
    probabilities = chance.dirichlet(np.ones(3), size=(5, 4)).astype(np.float32)
    labels, counts = chance.integers(3, size=5), np.array([1, 4, 2, 3, 1])
    other = probabilities.copy()
    for clip, count in enumerate(counts):
        other[clip, count:] = chance.dirichlet(np.ones(3), size=4 - count)
    one, two = (score_seconds(AfterSegments(0.5, each, counts), labels) for each in (probabilities, other))
    assert np.array_equal(one.correct, two.correct)


def test_values_known_by_hand() -> None:
    right, wrong = [0.9, 0.1], [0.2, 0.8]
    probabilities = np.array([[wrong, right, right], [right, wrong, wrong]], np.float32)
    found = score_seconds(AfterSegments(0.2, probabilities, np.array([3, 1])), np.array([0, 0]))
    assert found.accuracy.tolist() == [0.5, 1.0, 1.0]
    assert found.clips_running.tolist() == [2, 1, 1]
    assert found.seconds == pytest.approx([0.2, 0.4, 0.6])
