"""A suite's table: differences only where both sides are comparable, and the same numbers in every format."""

import csv
import re

import numpy as np
import pytest

from evaluate.scoring.scores import Scores
from evaluate.tables.suite_table import Line, Section, as_json, render_csv, render_latex, render_markdown, rows_of
from manifests.published import published_rows


def scored(method: str = "KNN", segments: int = 10, seeds: int = 2) -> list[Scores]:
    """Accuracy 10, 12, … % and 20, 22, … %."""
    by_clip = (np.zeros(1, dtype=np.int64), ("g",), np.zeros((1, segments), dtype=np.bool_))
    curves = [0.1 + 0.1 * seed + 0.02 * np.arange(segments) for seed in range(seeds)]
    clips = {"train": 1, "validation": 1, "test": 1}
    return [
        Scores(method, "p", seed, curve, curve, clips, 60, 60, {}, *by_clip, 0 * curve, None)
        for seed, curve in enumerate(curves)
    ]


def test_an_area_by_another_definition_is_not_subtracted() -> None:
    published = {row.method: row for row in published_rows("ntu60-xsub")}
    lines = tuple(Line(name, name, published[name], scored(name), "") for name in ("KNN", "TS-LSTM*"))
    difference = rows_of(lines[0])["difference"]
    assert difference["accuracy_20"] == pytest.approx(17.0 - 9.6)
    assert difference["auc"] is None
    assert rows_of(lines[1])["difference"]["auc"] == pytest.approx(24.0 - 61.8)
    section = Section("ntu60", "ntu60-xsub", "all", "about", lines)
    text = re.sub(" +", " ", render_markdown("T", [section]))
    knn = text.splitlines()[10:13]
    assert knn[0].endswith("| 37.0 | 21.9 † |")
    assert knn[1].endswith(" | 33.0 ± 7.1 | 24.0 ± 7.1 |")
    assert knn[2].endswith(" | -4.0 ± 7.1 | – |")
    assert "† area by another definition" in text
    assert "†" not in render_markdown("T", [Section("ntu60", "ntu60-xsub", "all", "about", lines[1:])])
    latex = render_latex("T & U", [section])
    assert "T \\& U" in latex
    assert r"21.9 \textdagger{}" in latex
    assert "ntu60: ntu60-xsub, all of the training labels. Accuracy" in latex
    assert latex.count(r" \\") == 1 + 2 * 3  # head, and three lines a method
    assert "area-from-zero" in render_csv("T", [section])


def test_a_row_that_nobody_published_has_ours_alone() -> None:
    line = Line("r", "Cumulative mean + linear", None, scored(segments=4, seeds=1), "")
    assert list(rows_of(line)) == ["ours"]
    section = Section("b", "p", "all", "about", (line,))
    assert section.ratios == (25.0, 50.0, 75.0, 100.0)
    assert "| Cumulative mean + linear | ours | 1 seed | 10.0 | 12.0 | 14.0 | 16.0 | 13.0 |" in re.sub(
        " +", " ", render_markdown("T", [section])
    )


def test_json_and_csv_say_the_same_in_their_own_form() -> None:
    published = {row.method: row for row in published_rows("ntu60-xsub")}
    lines = (Line("r", "KNN", published["KNN"], scored(), ""), Line("s", "GRU", None, None, "not run: give --videos"))
    section = Section("ntu60", "ntu60-xsub", "all", "about", lines)
    knn, gru = as_json([section])
    assert list(knn) == [
        "row", "base", "protocol", "labels", "labels_kept", "method", "note", "published", "ours", "difference",
    ]  # fmt: skip
    assert knn["published"] | {"accuracy": {}, "source": ""} == {
        "accuracy": {}, "accuracy_std": {}, "auc": 21.9, "auc_std": None, "auc_kind": "area-from-zero", "seeds": 0,
        "source": "",
    }  # fmt: skip
    assert list(knn["ours"]["accuracy"]) == [f"{ratio}" for ratio in range(10, 101, 10)]
    assert knn["ours"]["auc"] == pytest.approx(24)
    assert (knn["ours"]["seeds"], knn["ours"]["auc_kind"], knn["ours"]["source"]) == (2, "mean", "2 seeds")
    assert "auc" not in knn["difference"]
    assert gru["ours"] == {"source": "not run: give --videos"}
    cells = {line["numbers"] + line["row"]: line for line in csv.DictReader(render_csv("T", [section]).splitlines())}
    assert list(cells) == ["publishedr", "oursr", "differencer", "ourss"]
    for kind in ("published", "ours", "difference"):
        for ratio, value in knn[kind]["accuracy"].items():
            assert float(cells[f"{kind}r"][f"accuracy_{ratio}"]) == pytest.approx(value, abs=1e-4)
    assert (cells["publishedr"]["seeds"], cells["oursr"]["seeds"], cells["ourss"]["seeds"]) == ("", "2", "")


@pytest.mark.parametrize("segments", [3, 7])
def test_json_has_the_accuracy_at_ratios_that_no_column_has(segments: int) -> None:
    (row,) = as_json([Section("b", "p", "all", "about", (Line("r", "GRU", None, scored(segments=segments), ""),))])
    assert list(row["ours"]["accuracy"]) == [f"{100 * n / segments:g}" for n in range(1, segments + 1)]
