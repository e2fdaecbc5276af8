"""The results frame: all numbers of some methods in one pandas DataFrame with a row per method.

All tables of results are made from it. Numbers are in per cent. Each number `NAME` has its sample standard deviation
over seeds in the column `NAME_std`. NaN stands for a number that is unknown, and for the deviation of a single seed.

| column | content |
| --- | --- |
| `method`, `protocol` | name of the method; data set and split |
| `seeds` | how many; missing: the row is published |
| `auc_mean` | mean accuracy over the observation ratios |
| `auc_trapezoid` | area by the trapezoid rule |
| `auc_other` | a published area by another definition |
| `accuracy_R`, `top5_R` | top-1 and top-5 accuracy at the observation ratio R in per cent |
| `calibration_error_R`, `calibration_error_mean` | expected calibration error at R, and its mean over the ratios |
| `decision_threshold`, `decision_accuracy`, `decision_earliness`, `decision_harmonic_mean` | see `scoring.earliness` |
| `time_to_correct` | the part of a clip after which the prediction is right and stays right |
| `teacher_agreement` | share of predictions that equal the teacher's; only for methods with a teacher |
| `auc_kind` | definition of the area: "mean" for ours, a `manifests.published.AucKind` for published rows |
| `source` | where the numbers are from |
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluate.scoring.earliness import mean_time_to_correct
from evaluate.scoring.scores import Scores, check_comparable, observation_ratios
from evaluate.scoring.summary import Summary, summarise
from manifests.published import Published

PAPER_RATIOS = (20.0, 40.0, 60.0, 80.0, 100.0)
DECISION = ("threshold", "accuracy", "earliness", "harmonic_mean")
AREAS = ("auc_mean", "auc_trapezoid", "auc_other")


def results_frame(scores: Mapping[str, Sequence[Scores]], published: Iterable[Published] = ()) -> pd.DataFrame:
    """Return the results of methods: published rows first, then ours in their order.

    Args:
        scores: method → one `Scores` per seed.
        published: rows to put before ours. Rows of another protocol are left out.

    Raises:
        UserError: there are no scores, a seed occurs twice, or the scores are not comparable.
    """
    first = check_comparable(scores)
    ratios = observation_ratios(first)
    rows = [published_row(row) for row in published if row.protocol == first.protocol]
    rows += [own_row(method, runs) for method, runs in scores.items()]
    names = [*AREAS, *curve_columns("accuracy", ratios), *curve_columns("top5", ratios), *beyond_columns(ratios)]
    frame = pd.DataFrame(rows, columns=["method", "protocol", "seeds", *with_std(names), "auc_kind", "source"])
    return frame.astype({"seeds": "Int64"} | dict.fromkeys(with_std(names), "float64"))


def own_row(method: str, runs: Sequence[Scores]) -> dict[str, Any]:
    """Return the row of one of our methods: means and standard deviations over its seeds."""
    ratios = observation_ratios(runs[0])
    numbers = {"auc_mean": summarise([run.auc_mean for run in runs])}
    numbers["auc_trapezoid"] = summarise([run.auc_trapezoid for run in runs])
    for n, ratio in enumerate(ratios):
        numbers[column("accuracy", ratio)] = summarise([run.accuracy[n] for run in runs])
        numbers[column("top5", ratio)] = summarise([run.top5[n] for run in runs])
        numbers[column("calibration_error", ratio)] = summarise([run.calibration_error[n] for run in runs])
    numbers["calibration_error_mean"] = summarise([run.calibration_error.mean() for run in runs])
    numbers["time_to_correct"] = summarise([mean_time_to_correct(run.correct) for run in runs])
    decisions = [run.decision for run in runs if run.decision is not None]
    if len(decisions) == len(runs):  # a mean over some of the seeds would be of another experiment
        for name in DECISION:
            numbers[f"decision_{name}"] = summarise([getattr(decision, name) for decision in decisions])
    agreement = [run.provenance["teacher_agreement"] for run in runs if "teacher_agreement" in run.provenance]
    if len(agreement) == len(runs):
        numbers["teacher_agreement"] = summarise([float(np.mean(own)) for own in agreement])
    source = "this run, 1 seed" if len(runs) == 1 else f"this run, {len(runs)} seeds"
    about = {"method": method, "protocol": runs[0].protocol, "seeds": len(runs), "auc_kind": "mean", "source": source}
    return about | _cells(numbers)


def published_row(row: Published) -> dict[str, Any]:
    """Return the row of a published method. Its numbers are the printed ones."""
    numbers = {column("accuracy", ratio): Summary(accuracy) for ratio, accuracy in row.accuracy.items()}
    if row.auc is not None:
        numbers["auc_mean" if row.auc_kind.startswith("mean") else "auc_other"] = Summary(row.auc)
    about = {"method": row.method, "protocol": row.protocol, "seeds": None, "auc_kind": row.auc_kind}
    return about | {"source": f"published, {row.mark}: {row.source}"} | _cells(numbers)


def rows_of_frame(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as dictionaries."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def summary(row: Mapping[str, Any], name: str) -> Summary | None:
    """Return one number of a row with its standard deviation; None if the number is unknown."""
    mean, std = row.get(name), row.get(f"{name}_std")
    if mean is None or np.isnan(mean):
        return None
    return Summary(float(mean), None if std is None or np.isnan(std) else float(std))


def area(row: Mapping[str, Any]) -> Summary | None:
    """Return the AUC of a row by its own definition, see `auc_kind`."""
    return summary(row, "auc_mean") or summary(row, "auc_other")


def column(name: str, ratio: float) -> str:
    """Return the name of a column at an observation ratio in per cent."""
    return f"{name}_{ratio:.3g}"


def curve_columns(name: str, ratios: Iterable[float]) -> list[str]:
    """Return the names of the columns at some observation ratios in per cent."""
    return [column(name, ratio) for ratio in ratios]


def beyond_columns(ratios: Iterable[float]) -> list[str]:
    """Return the names of the columns beyond accuracy: calibration, decisions and earliness."""
    decisions = [f"decision_{name}" for name in DECISION]
    errors = [*curve_columns("calibration_error", ratios), "calibration_error_mean"]
    return [*errors, *decisions, "time_to_correct", "teacher_agreement"]


def with_std(names: Iterable[str]) -> list[str]:
    """Return each column followed by the column of its standard deviation."""
    return [f"{name}{end}" for name in names for end in ("", "_std")]


def printed_ratios(ratios: Sequence[float]) -> tuple[float, ...]:
    """Return the observation ratios of printed tables: the paper's if all of them are known, else all."""
    return PAPER_RATIOS if set(PAPER_RATIOS) <= set(ratios) else tuple(ratios)


def _cells(numbers: Mapping[str, Summary]) -> dict[str, float | None]:
    cells: dict[str, float | None] = {}
    for name, value in numbers.items():
        cells |= {name: value.mean, f"{name}_std": value.std}
    return cells
