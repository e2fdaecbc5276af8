"""Decision rules on drawn clips whose best moment of decision is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.decisions import RULES, decided_levels
from evaluate.decisions.cost import average_cost
from evaluate.decisions.stopping_rule import FittedStoppingRule

CLIPS, LEVELS, CLASSES = 300, 10, 5
EVERY_RULE = pytest.mark.parametrize("name", RULES)
Drawn = tuple[NDArray[np.float64], NDArray[np.int64]]


def with_confidence(predicted: NDArray[np.int64], confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities (clips, N, C) in which the predicted class has the given confidence."""
    rest = (1 - confidence) / (CLASSES - 1)
    probabilities = np.repeat(rest[..., None], CLASSES, axis=2)
    np.put_along_axis(probabilities, predicted[..., None], confidence[..., None], axis=2)
    return probabilities


def revealed(seed: int) -> Drawn:
    """Each clip shows its class at a level of its own; before it, predictions are guesses without confidence."""
    chance = np.random.default_rng(seed)
    labels = chance.integers(CLASSES, size=CLIPS)
    shown = np.arange(LEVELS) >= chance.integers(LEVELS, size=CLIPS)[:, None]
    predicted = np.where(shown, labels[:, None], chance.integers(CLASSES, size=shown.shape))
    noise = chance.uniform(0, 0.02, shown.shape)
    return with_confidence(predicted, np.where(shown, 0.9, 0.25) + noise), labels


def hopeless_or_not(seed: int) -> Drawn:
    """Half of the clips stay guesses, with 0.25. The others have 0.5, and from level 5 on 0.95 and the right class.

    Before level 5 all predictions are guesses.
    """
    chance = np.random.default_rng(seed)
    labels = chance.integers(CLASSES, size=CLIPS)
    hopeless = chance.random(CLIPS) < 0.5
    shown = ~hopeless[:, None] & (np.arange(LEVELS) >= 4)
    predicted = np.where(shown, labels[:, None], chance.integers(CLASSES, size=shown.shape))
    noise = chance.uniform(0, 0.01, shown.shape)
    confidence = np.where(shown, 0.95, np.where(hopeless[:, None], 0.25, 0.5))
    return with_confidence(predicted, confidence + noise), labels


def cost_of(name: str, fitted_on: Drawn, judged_on: Drawn, price: float) -> float:
    stops = RULES[name].fit(*fitted_on, price).stops(judged_on[0])
    return average_cost(*judged_on, decided_levels(stops), price)


def ideal_cost(drawn: Drawn, price: float) -> float:
    """Return the cost of a rule that stops where a class is shown, and at once where none will be."""
    shown = drawn[0].max(axis=2) > 0.8
    return average_cost(*drawn, np.where(shown.any(axis=1), shown.argmax(axis=1) + 1, 1), price)


# How much dearer than the ideal rule. The kernel of `calimera` is wide, and `teaser` takes lucky guesses for right.
@pytest.mark.parametrize(
    ("name", "dearer"), [("threshold", 0.001), ("stopping", 0.001), ("economy", 0.01), ("calimera", 0.02)]
)
@pytest.mark.parametrize("price", [0.05, 0.3])
def test_what_is_shown_at_once_is_decided_at_once(name: str, dearer: float, price: float) -> None:
    found, ideal = cost_of(name, revealed(0), revealed(1), price), ideal_cost(revealed(1), price)
    assert ideal <= found <= ideal + dearer
    assert cost_of("fixed", revealed(0), revealed(1), price) > 1.2 * found


def test_teaser_saves_time_at_least() -> None:
    assert cost_of("teaser", revealed(0), revealed(1), 0.3) < 0.9 * cost_of("fixed", revealed(0), revealed(1), 0.3)


@pytest.mark.parametrize("name", ["economy", "calimera"])
def test_no_time_is_spent_on_hopeless_clips(name: str) -> None:
    """A threshold waits for the one half to the end, or gives up on the other; a weighted sum finds no way either."""
    fitted_on, judged_on, price = hopeless_or_not(0), hopeless_or_not(1), 0.3
    ideal, by_threshold = ideal_cost(judged_on, price), cost_of("threshold", fitted_on, judged_on, price)
    assert ideal <= cost_of(name, fitted_on, judged_on, price) < ideal + 0.04 < by_threshold


@EVERY_RULE
@pytest.mark.parametrize("draw", [revealed, hopeless_or_not])
def test_a_decision_does_not_depend_on_what_comes_later(name: str, draw: object) -> None:
    drawn = draw(0)  # type: ignore[operator]
    rule = RULES[name].fit(*drawn, 0.2)
    whole = rule.stops(drawn[0])
    assert whole.shape == (CLIPS, LEVELS) and whole.dtype == bool
    for seen in (1, 2, 7, LEVELS):
        assert np.array_equal(rule.stops(drawn[0][:, :seen]), whole[:, :seen])
    one = rule.stops(drawn[0][5:6])
    assert np.array_equal(one[0], whole[5])


def test_a_weighted_sum_of_nearly_0_has_the_same_sign_alone_and_among_others() -> None:
    """A matrix product may round one level in another way than ten."""
    weights = np.random.default_rng(0).uniform(0.1, 0.5, (200, 3)) * [1, 1, -1]
    one, two, three = weights.T[..., None]
    confidence = -three * np.arange(1, 11) / 10 / (one + two)
    probabilities = np.stack([confidence, np.zeros_like(confidence)], axis=2)  # the margin is the confidence
    stops = []
    for own, clip in zip(weights, probabilities, strict=True):
        rule = FittedStoppingRule(own, 10)
        stops.append(rule.stops(clip[None]))
        for seen in range(1, 10):
            assert np.array_equal(rule.stops(clip[None, :seen]), stops[-1][:, :seen])
    assert 0.1 < np.mean(stops) < 0.9, "rounding decides"


# `teaser` accepts only what looks right, whatever the price.
@pytest.mark.parametrize("name", [name for name in RULES if name != "teaser"])
def test_where_only_time_counts_all_is_decided_at_once(name: str) -> None:
    assert cost_of(name, revealed(0), revealed(1), 1.0) == pytest.approx(1 / LEVELS)


@EVERY_RULE
def test_where_only_errors_count_no_time_is_saved_at_their_cost(name: str) -> None:
    test = revealed(1)
    assert cost_of(name, revealed(0), test, 0.0) <= 0.02


@EVERY_RULE
def test_the_same_clips_give_the_same_rule(name: str) -> None:
    drawn = hopeless_or_not(3)
    one, other = (RULES[name].fit(*drawn, 0.1).stops(drawn[0]) for _ in range(2))
    assert np.array_equal(one, other)


@EVERY_RULE
@pytest.mark.parametrize("clips", [2, 7])
def test_few_clips_are_enough(name: str, clips: int) -> None:
    probabilities, labels = revealed(0)
    stops = RULES[name].fit(probabilities[:clips], labels[:clips], 0.2).stops(probabilities)
    assert stops.shape == (CLIPS, LEVELS) and stops.dtype == bool


# `calimera` believes the confidence, and `teaser` accepts nothing then.
@pytest.mark.parametrize("name", ["fixed", "threshold", "stopping", "economy"])
def test_no_time_is_spent_where_waiting_brings_errors(name: str) -> None:
    probabilities, _ = revealed(0)
    wrong = (probabilities.argmax(axis=2)[:, -1] + 1) % CLASSES  # what is shown is never right, and guesses may be
    at_once = average_cost(probabilities, wrong, np.ones(CLIPS, np.int64), 0.2)
    assert cost_of(name, (probabilities, wrong), (probabilities, wrong), 0.2) <= at_once + 0.01
