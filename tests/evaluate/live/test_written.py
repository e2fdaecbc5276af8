"""Recognitions as a timeline of 80 columns, as JSON and as CSV; and the best classes and the decision."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from evaluate.decisions.decision_maker import ConfidenceThreshold
from evaluate.live.recognition import Decision, Recognition, Recording
from evaluate.live.written import as_csv, as_json, timeline
from tests.evaluate.live.conftest import fixed_rule

ROWS = [[0.4, 0.4, 0.2], [0.25, 0.7, 0.05], [0.05, 0.95, 0.0]]


def recognition(classes: tuple[str, ...] = ("fall", "rise", "turn"), threshold: float = 0.6) -> Recognition:
    maker = ConfidenceThreshold(threshold)
    return Recognition(Recording("a.mp4", {"features": "a.mp4"}), classes, np.array(ROWS, np.float32), 30, maker)


def test_the_best_classes_and_the_decision() -> None:
    found = recognition()
    assert [[each.name for each in row] for row in found.top(2)] == [
        ["fall", "rise"],
        ["rise", "fall"],
        ["rise", "fall"],
    ]
    assert len(found.top(9)[0]) == 3
    assert found.decision(0.69) == Decision(2, 2 / 3, "rise", pytest.approx(0.7))
    assert found.decision(0.39) == Decision(1, 1 / 3, "fall", pytest.approx(0.4))
    assert found.decision(0.96) is None


def test_the_timeline() -> None:
    assert timeline(recognition(), 2).split("\n") == [
        "a.mp4 (30 frames)",
        "  33 %  ████████              40 %  fall  40 % rise",
        "  67 %  ██████████████        70 %  rise  25 % fall",
        " 100 %  ███████████████████   95 %  rise  5 % fall",
        "        decided at 67 %: rise (70 %)",
    ]
    assert timeline(recognition(threshold=0.99), 1).endswith("95 %  rise\n        not decided: no class reaches 99 %")


def test_a_stored_rule_is_named() -> None:
    found = replace(recognition(), decision_maker=fixed_rule(2, 3, 3))
    assert timeline(found, 1).endswith("        decided at 67 %: rise (70 %) by Fixed ratio, price 0.3")
    content = as_json(found)
    assert content["decision"] == {"level": 2, "ratio": 2 / 3, "name": "rise", "probability": pytest.approx(0.7)}
    assert content["decided_by"] == {"rule": "fixed", "title": "Fixed ratio", "price": 0.3}
    assert found.decision(0.9) == Decision(3, 1, "rise", pytest.approx(0.95)), "a threshold that is given wins"


def test_long_names_fit_into_80_columns() -> None:
    lines = timeline(recognition(("a" * 70, "b" * 70, "c" * 70)), 3).split("\n")
    assert max(map(len, lines[1:4])) == 80 and all("…" in line for line in lines[1:4])


def test_json_has_n_lists_of_c() -> None:
    content = json.loads(json.dumps(as_json(recognition())))
    assert content["video"] == "a.mp4" and content["classes"] == ["fall", "rise", "turn"]
    np.testing.assert_array_equal(np.array(content["probabilities"], np.float32), np.array(ROWS, np.float32))
    assert content["decision"] == {"level": 2, "ratio": 2 / 3, "name": "rise", "probability": pytest.approx(0.7)}
    assert content["decided_by"] == {"threshold": 0.6}
    assert as_json(recognition(threshold=1))["decision"] is None


def test_csv_has_all_digits() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv([recognition(), recognition(('a,"b"', "rise", "turn"))]))))
    assert len(rows) == 18 and rows[9]["class"] == 'a,"b"'
    values = np.array([row["probability"] for row in rows[:9]], np.float64).astype(np.float32).reshape(3, 3)
    np.testing.assert_array_equal(values, np.array(ROWS, np.float32))
    assert {row["observation_ratio"] for row in rows} == {str(1 / 3), str(2 / 3), "1.0"}
