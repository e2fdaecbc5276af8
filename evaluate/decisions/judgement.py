"""Decision rules on predictions: each is fitted on validation clips, and judged on test clips."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from common.callbacks import ProgressCallback, no_progress
from common.errors import UserError
from evaluate.decisions import RULES, DecisionRule, decided_levels
from evaluate.decisions.cost import costs, lowest_average_cost
from evaluate.decisions.cross_validation import cross_validated_cost
from evaluate.decisions.temperature import fit_temperature, scale
from evaluate.scoring.earliness import harmonic_mean
from evaluate.scoring.metrics import Floats, Labels

RESAMPLES = 10_000


@dataclass(frozen=True, eq=False)
class SplitPredictions:
    """The predictions of one trained model, with the labels.

    Attributes:
        validation: (clips, N, C) probabilities of the validation clips.
        validation_labels: (clips,).
        test: (clips, N, C) probabilities of the test clips.
        test_labels: (clips,). They score decisions, and nothing is fitted to them.
    """

    validation: Floats
    validation_labels: Labels
    test: Floats
    test_labels: Labels


def judge_rules(
    models: Sequence[SplitPredictions],
    prices: Sequence[float],
    rules: Mapping[str, DecisionRule] = RULES,
    progress: ProgressCallback = no_progress,
) -> pd.DataFrame:
    """Return what each rule costs at each price of waiting; a row for each price and rule.

    The columns, all means over models (seeds) and clips:

    - `price`, `rule`, `title`
    - `validation_cost`: cross-validated on the validation clips. `best`: it is the lowest one of the price, of
      equal ones the first rule's.
    - `accuracy`, `earliness` (n/N at the decision) and `harmonic_mean` of accuracy and 1 − earliness, of the test clips
    - `cost`, and `low` and `high`, its 95 % interval: a bootstrap over test clips, which covers other clips of the same
      kind, but no other split and no other training
    - `lowest_cost`: that of a rule that knew the best level of each clip

    Args:
        models: predictions of the seeds of one method, all of the same clips.
        prices: of waiting; see `evaluate.decisions.cost.average_cost`.
        rules: by name.
        progress: gets (rules done, total), over all prices.

    Raises:
        UserError: a price is not in 0 … 1.
    """
    for price in prices:
        if not 0 <= price <= 1:
            raise UserError(f"the price of waiting is a number from 0 to 1, and not {price:g}")
    scaled = [_scaled(model) for model in models]
    rows: list[dict[str, object]] = []
    for price in prices:
        own = []
        lowest = float(np.mean([lowest_average_cost(model.test, model.test_labels, price) for model in scaled]))
        for name, rule in rules.items():
            own.append({"price": price, "rule": name, **_judge(rule, scaled, price), "lowest_cost": lowest})
            progress(len(rows) + len(own), len(prices) * len(rules))
        best = min(own, key=lambda row: float(row["validation_cost"]))  # of several the first one, which is simpler
        rows += [{**row, "best": row is best} for row in own]
    return pd.DataFrame(rows)


def judge_methods(
    methods: Mapping[str, Sequence[SplitPredictions]],
    prices: Sequence[float],
    progress: Callable[[str], ProgressCallback] = lambda method: no_progress,
) -> pd.DataFrame:
    """Return the rows of `judge_rules` for each method, with the column `method` at the end.

    Args:
        methods: by name, the predictions of the seeds.
        prices: see `judge_rules`.
        progress: returns the progress callback of a method.
    """
    tables = {name: judge_rules(own, prices, progress=progress(name)) for name, own in methods.items()}
    return pd.concat([table.assign(method=name) for name, table in tables.items()], ignore_index=True)


def _scaled(model: SplitPredictions) -> SplitPredictions:
    """Return the predictions at the temperature that fits the validation clips."""
    temperature = fit_temperature(model.validation, model.validation_labels)
    return SplitPredictions(
        scale(model.validation, temperature),
        model.validation_labels,
        scale(model.test, temperature),
        model.test_labels,
    )


def _judge(rule: DecisionRule, models: Sequence[SplitPredictions], price: float) -> dict[str, float | str]:
    validation, right, seen, cost = [], [], [], []
    for model in models:
        validation.append(
            cross_validated_cost(
                lambda own, labels: rule.fit(own, labels, price), model.validation, model.validation_labels, price
            )
        )
        fitted = rule.fit(model.validation, model.validation_labels, price)
        levels = decided_levels(fitted.stops(model.test))
        decided = model.test[np.arange(len(levels)), levels - 1].argmax(axis=1)
        right.append((decided == model.test_labels).mean())
        seen.append(levels.mean() / model.test.shape[1])
        cost.append(costs(model.test, model.test_labels, levels, price))
    accuracy, earliness = float(np.mean(right)), float(np.mean(seen))
    low, high = _interval(np.mean(cost, axis=0))
    return {
        "title": rule.title,
        "validation_cost": float(np.mean(validation)),
        "accuracy": accuracy,
        "earliness": earliness,
        "harmonic_mean": harmonic_mean(accuracy, earliness),
        "cost": float(np.mean(cost)),
        "low": low,
        "high": high,
    }


def _interval(of_clips: NDArray[np.float64]) -> tuple[float, float]:
    """Return the percentile interval of the mean of (clips,) by a bootstrap over clips."""
    from scipy.stats import bootstrap  # takes a second to load

    if np.ptp(of_clips) == 0:  # scipy has no interval of equal values
        return float(of_clips[0]), float(of_clips[0])
    found = bootstrap((of_clips,), np.mean, method="percentile", n_resamples=RESAMPLES, rng=0)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
