"""Rules are fitted on validation clips only, and their numbers are those of the test clips."""

from dataclasses import replace

import numpy as np
import pytest

from evaluate.decisions import RULES
from evaluate.decisions.judgement import SplitPredictions, judge_rules
from evaluate.decisions.temperature import scale

CLIPS, LEVELS, CLASSES = 80, 6, 3


def drawn(seed: int) -> SplitPredictions:
    """Predictions that become better and surer with time."""
    chance = np.random.default_rng(seed)
    labels = chance.integers(CLASSES, size=2 * CLIPS)
    evidence = chance.normal(size=(2 * CLIPS, LEVELS, CLASSES))
    evidence[np.arange(2 * CLIPS), :, labels] += np.linspace(0.3, 4, LEVELS)
    powers = np.exp(evidence)
    probabilities = (powers / powers.sum(axis=2, keepdims=True)).astype(np.float32)
    return SplitPredictions(probabilities[:CLIPS], labels[:CLIPS], probabilities[CLIPS:], labels[CLIPS:])


def test_every_rule_and_price_has_a_row_and_the_best_one_costs_least_on_validation() -> None:
    done: list[tuple[int, int]] = []
    table = judge_rules([drawn(0), drawn(1)], [0.1, 0.4], progress=lambda *now: done.append(now))
    assert done == [(count, 2 * len(RULES)) for count in range(1, 2 * len(RULES) + 1)]
    assert list(zip(table["price"], table["rule"], strict=True)) == [(p, rule) for p in (0.1, 0.4) for rule in RULES]
    for _, own in table.groupby("price"):
        assert own["best"].sum() == 1 and own["best"].idxmax() == own["validation_cost"].idxmin()
        assert (own["lowest_cost"] <= own["cost"]).all() and own["lowest_cost"].nunique() == 1
        assert (own["low"] <= own["cost"]).all() and (own["cost"] <= own["high"]).all()
    learned = table[table["rule"] != "fixed"].groupby("price")["cost"].min()
    assert (learned < table[table["rule"] == "fixed"].set_index("price")["cost"]).all()


def test_the_cost_follows_from_accuracy_and_earliness() -> None:
    table = judge_rules([drawn(0), drawn(1), drawn(2)], [0.3])
    expected = 0.7 * (1 - table["accuracy"]) + 0.3 * table["earliness"]
    assert table["cost"].to_numpy() == pytest.approx(expected.to_numpy())
    saved = 1 - table["earliness"]
    harmonic = 2 * table["accuracy"] * saved / (table["accuracy"] + saved)
    assert table["harmonic_mean"].to_numpy() == pytest.approx(harmonic.to_numpy())


def test_the_lowest_cost_is_computed_once_a_price(monkeypatch: pytest.MonkeyPatch) -> None:
    prices: list[float] = []

    def lowest(*model: object) -> float:
        prices.append(model[-1])  # type: ignore[arg-type]
        return 0.01

    monkeypatch.setattr("evaluate.decisions.judgement.lowest_average_cost", lowest)
    table = judge_rules([drawn(0)], [0.1, 0.4])
    assert prices == [0.1, 0.4] and (table["lowest_cost"] == 0.01).all()


def test_test_labels_score_and_nothing_else() -> None:
    """With other test labels the decisions come at the same levels."""
    model = drawn(0)
    one, other = (judge_rules([own], [0.3]) for own in (model, replace(model, test_labels=model.test_labels[::-1])))
    for column in ("earliness", "validation_cost", "best"):
        assert one[column].tolist() == other[column].tolist()
    assert one["accuracy"].tolist() != other["accuracy"].tolist()


def test_the_temperature_of_the_predictions_does_not_matter() -> None:
    """Rules see calibrated probabilities."""
    model = drawn(0)
    sharp = replace(model, validation=scale(model.validation, 0.5), test=scale(model.test, 0.5))
    one, other = (judge_rules([own], [0.3])["cost"].to_numpy() for own in (model, sharp))
    assert one == pytest.approx(other, abs=0.02)
