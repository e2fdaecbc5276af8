"""What the charts and lists of the report say: against slow and plain counting, and by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluate.report.charts import HEIGHT, WIDTH, Chart, Line, mark, points, top_for
from evaluate.report.confusion import confusion, most_confused, occurring
from evaluate.report.figures import (
    Confusion,
    accuracy_chart,
    calibration_chart,
    class_gains,
    confusions,
    reliability_charts,
    timeline_chart,
)
from evaluate.report.results_sections import verdict
from evaluate.scoring.comparison import Comparison
from evaluate.scoring.predictions import Predictions
from evaluate.scoring.scores import Scores, score_predictions
from evaluate.scoring.statistics import Interval
from manifests.manifest import COLUMNS, Manifest
from manifests.published import published_rows

CLASSES = ("a", "b", "c")
LABELS = np.array([0, 0, 1, 1, 1, 2])
UCF101 = "ucf101-early-15-3-7"


def says(classes: list[list[int]], sure: float = 0.8) -> NDArray[np.float32]:
    """Probabilities (clips, N, 3) of a method that says these classes, one list a clip."""
    said = np.array(classes)
    probabilities = np.full((*said.shape, 3), (1 - sure) / 2, np.float32)
    np.put_along_axis(probabilities, said[..., None], sure, axis=2)
    return probabilities


def scores_of(probabilities: NDArray[np.float32], method: str = "GRU", seed: int = 0, protocol: str = "own") -> Scores:
    rows = [(f"c{i}", f"{i}.avi", label, CLASSES[label], "g", "test", protocol) for i, label in enumerate(LABELS)]
    manifest = Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), CLASSES)
    clips = tuple(manifest.clips["clip_id"])
    return score_predictions(Predictions(probabilities, clips, protocol, method, seed, CLASSES), manifest)


GOOD = says([[0, 0], [0, 0], [1, 1], [1, 1], [1, 1], [2, 2]])
HALF = says([[1, 0], [0, 0], [1, 1], [0, 1], [2, 2], [2, 1]])


def test_confusion_counts_what_is_taken_for_what_over_all_seeds() -> None:
    predicted = np.array([[0, 1, 1, 1, 0, 0], [0, 0, 1, 2, 2, 0]])
    expected = [[3 / 4, 1 / 4, 0], [1 / 6, 3 / 6, 2 / 6], [1, 0, 0]]
    np.testing.assert_allclose(confusion(predicted, LABELS, 3), expected)


@given(st.data())
def test_rows_of_confusion_are_shares_and_its_diagonal_is_the_accuracy(data: st.DataObject) -> None:
    clips, seeds, classes = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 3)), data.draw(st.integers(1, 5))
    label = st.integers(0, classes - 1)
    labels = np.array(data.draw(st.lists(label, min_size=clips, max_size=clips)))
    predicted = np.array([data.draw(st.lists(label, min_size=clips, max_size=clips)) for _ in range(seeds)])
    matrix = confusion(predicted, labels, classes)
    there = np.bincount(labels, minlength=classes)
    np.testing.assert_allclose(matrix.sum(axis=1), (there > 0).astype(float))
    assert (np.diag(matrix) * there).sum() * seeds == pytest.approx((predicted == labels).sum())
    mistakes = most_confused(matrix, 100)
    assert {(one.true, one.predicted) for one in mistakes} == {
        (row, column) for row, column in np.argwhere(matrix).tolist() if row != column
    }
    assert [one.share for one in mistakes] == sorted((one.share for one in mistakes), reverse=True)


def test_only_classes_that_occur_are_shown() -> None:
    matrix = np.zeros((5, 5))
    matrix[1, 1] = matrix[1, 3] = 0.5
    assert occurring(matrix[None]).tolist() == [1, 3]
    (shown,) = confusions(says([[1], [1]])[None], np.array([1, 1]), CLASSES, [1])
    assert (shown.classes, shown.cells, shown.mistakes) == (("b",), ((0, 0, 100.0),), ())


def test_few_classes_have_names_beside_the_matrix_which_fit() -> None:
    names = tuple(f"{'a long name of class ' if number else 'class '}{number}" for number in range(20))
    few = Confusion(20.0, names, (), ())
    assert few.labels[:2] == ("class 0", "a long name o…")
    assert few.margin + 20 * few.cell == pytest.approx(480) and few.cell > 16, "the size of the text"
    many = Confusion(20.0, (*names, "z"), (), ())
    assert (many.labels, many.margin, many.cell) == ((), 0, pytest.approx(480 / 21))


def test_confusions_are_those_of_their_level() -> None:
    first, last = confusions(HALF[None], LABELS, CLASSES, [1, 2])
    assert (first.ratio, last.ratio) == (50, 100)
    assert first.mistakes[0] == ("a", "b", 50.0)
    assert last.mistakes[0] == ("c", "b", 100.0)
    assert {(row, column): share for row, column, share in last.cells}[0, 0] == 100


def test_gains_are_over_the_early_half_in_points_the_largest_first() -> None:
    gains = class_gains([scores_of(GOOD)], [scores_of(HALF)], CLASSES)
    assert [(one.name, one.clips) for one in gains] == [("b", 3), ("a", 2), ("c", 1)]
    assert gains[0].gain == pytest.approx(200 / 3)  # at the first of two ratios; at the last one it would be a third
    assert (gains[1].baseline, gains[1].method, gains[1].gain) == (50, 100, 50)
    assert gains[2].gain == 0


def test_classes_without_test_clips_have_no_row() -> None:
    scored = scores_of(GOOD)
    gains = class_gains([scored], [scored], (*CLASSES, "d"))
    assert [one.name for one in gains] == ["a", "b", "c"]


def test_a_sure_method_that_is_half_right_lies_below_the_diagonal() -> None:
    labels = np.array([0, 1] * 10)
    probabilities = says([[0]] * 20, sure=0.9)[None]
    (chart,) = reliability_charts({"GRU": probabilities}, labels, [1])
    ideal, line = chart.lines
    assert ideal.points == ((0, 0), (100, 100))
    assert line.points == (pytest.approx((90, 50)),)


def test_bins_of_few_clips_are_left_out_and_seeds_count_together() -> None:
    labels = np.array([0, 0, 0])
    one_seed = says([[0]] * 3)[None]
    assert reliability_charts({"GRU": one_seed}, labels, [1])[0].lines[1].points == ()
    two_seeds = np.repeat(one_seed, 2, axis=0)
    assert reliability_charts({"GRU": two_seeds}, labels, [1])[0].lines[1].points == (pytest.approx((80, 100)),)
    both_right = np.repeat(GOOD[None], 2, axis=0)
    assert reliability_charts({"GRU": both_right}, LABELS, [1])[0].lines[1].points == (pytest.approx((80, 100)),)


def test_calibration_is_the_mean_over_seeds_and_its_axis_has_room() -> None:
    runs = [scores_of(GOOD, seed=0), scores_of(HALF, seed=1)]
    chart = calibration_chart({"GRU": runs})
    (line,) = chart.lines
    mean = 100 * np.mean([run.calibration_error for run in runs], axis=0)
    np.testing.assert_allclose(line.points, [(50, mean[0]), (100, mean[1])])
    assert max(high for *_, high in line.band) <= chart.top
    assert "d1" not in line.look


def test_the_method_and_its_baseline_look_the_same_in_every_chart() -> None:
    scores = {name: [scores_of(GOOD, name)] for name in ("base", "base, rgb", "ours, rgb", "ours")}
    chart = accuracy_chart(scores, "ours", "base", [])
    looks = {line.name.partition(" (")[0]: (line.look, line.marker) for line in chart.lines}
    assert looks == {
        "base": ("c1 d1", 1),
        "base, rgb": ("c2 d1", 2),
        "ours, rgb": ("c2 d0", 2),
        "ours": ("c0 d0", 0),
    }
    beside = timeline_chart("c", ("ours", GOOD[:1]), ("base", GOOD[:1]), 0, CLASSES)
    pair = [("c1 d1", 1), ("c0 d0", 0)]
    assert [(line.look, line.marker) for line in beside.lines[-2:]] == pair
    calibration = calibration_chart({name: scores[name] for name in ("base", "ours")})
    assert [(line.look, line.marker) for line in calibration.lines] == pair
    probabilities = {name: np.stack([GOOD, GOOD]) for name in ("base", "ours")}
    (one,) = reliability_charts(probabilities, LABELS, [1])
    assert [(line.look, line.marker) for line in one.lines[1:]] == pair


def test_fifteen_curves_are_told_apart_and_six_are_strong() -> None:
    kinds = [GOOD, HALF, says([[0, 0]] * 6)]
    scores = {f"method {n}": [scores_of(kinds[n % 3], f"method {n}", seed) for seed in (0, 1)] for n in range(15)}
    chart = accuracy_chart(scores, "method 14", "method 13", [])
    assert len({(line.look, line.marker) for line in chart.lines}) == 15
    strong = [line for line in chart.lines if "light" not in line.look]
    assert len(strong) == 6
    assert strong == list(chart.lines[-6:])  # drawn last, so above the others
    assert {"method 13", "method 14"} < {line.name.partition(" (")[0] for line in strong}
    assert all(bool(line.band) == (line in strong) for line in chart.lines)
    areas = [float(line.name.partition("(AUC ")[2].split(" ")[0]) for line in chart.legend]
    assert areas == sorted(areas, reverse=True)


def test_published_curves_and_the_best_possible_are_drawn_as_known() -> None:
    published = published_rows(UCF101)
    scores = {"GRU": [scores_of(GOOD, protocol=UCF101)]}
    chart = accuracy_chart(scores, "GRU", None, published, ("best", np.array([0.5, 1])))
    assert chart.lines[0] == Line("best", ((50, 50), (100, 100)), "bound plain")
    dashed = [line for line in chart.lines if "published" in line.look]
    assert len({(line.look, line.marker) for line in dashed}) == len(dashed)
    assert [line.look for line in chart.legend] == ["c0 d0", *(line.look for line in dashed), "bound plain"]
    known = sorted((row for row in published if len(row.accuracy) > 1), key=lambda row: -row.auc)
    assert len(known) > 1
    for row, line in zip(known, dashed, strict=True):
        assert dict(line.points) == row.accuracy
        assert row.method in line.name
        assert ("unverified" in line.name) == (row.mark == "unverified")
    assert "best" not in chart.alt
    assert "GRU (AUC 100.0): 100 at 50 %, 100 at 100 %" in chart.alt


def test_a_timeline_is_the_mean_over_seeds_in_a_band() -> None:
    seeds = np.stack([GOOD[0], HALF[0]])  # says 0, 0 and 1, 0; the true class is 0
    chart = timeline_chart("c0", ("GRU", seeds), None, 0, CLASSES)
    *others, own = chart.lines
    assert [line.name for line in others] == ["b", "c"]
    np.testing.assert_allclose(own.points, [(50, 45), (100, 80)], rtol=1e-5)
    spread = 70 / math.sqrt(2)  # the sample deviation of 10 and 80 is 49.5: cut off at 0
    np.testing.assert_allclose(own.band, [(50, 0, 45 + spread), (100, 80, 80)], rtol=1e-5)
    np.testing.assert_allclose(others[0].points, [(50, 45), (100, 10)], rtol=1e-5)


def test_points_that_are_not_known_are_left_out() -> None:
    assert points([10, 20, math.nan], [1, math.nan, 3]) == ((10, 1),)


@pytest.mark.parametrize(("highest", "top"), [(0, 5), (5, 5), (5.1, 10), (19, 20), (77, 100), (100, 100)])
def test_the_axis_ends_above_all_values(highest: float, top: float) -> None:
    assert top_for([highest, math.nan]) == top
    assert top_for([]) == 5


@pytest.mark.parametrize("marker", range(5))
def test_a_marker_is_a_closed_path_around_its_point(marker: int) -> None:
    path = mark(marker, 100, 50, 3)
    assert path.startswith("M") and path.endswith("z")
    if marker:
        corners = np.array([[float(one) for one in corner.split(",")] for corner in path[1:-1].split()])
        np.testing.assert_allclose((corners.min(axis=0) + corners.max(axis=0)) / 2, (100, 50), atol=0.5)


@given(st.floats(0, 100), st.floats(-10, 120), st.sampled_from([5.0, 50.0, 100.0]))
def test_everything_stands_inside_the_picture_and_the_right_way_up(x: float, y: float, top: float) -> None:
    chart = Chart("t", "X", "Y", (), top)
    assert chart.x(0) <= chart.x(x) <= chart.x(100) < WIDTH
    assert 0 < chart.y(top) <= chart.y(y) <= chart.y(0) < HEIGHT
    assert chart.y(min(max(y, 0), top)) == chart.y(y)


def test_a_band_goes_there_above_and_back_below() -> None:
    line = Line("l", ((0, 50), (100, 50)), "c0", ((0, 40, 60), (100, 30, 70)))
    chart = Chart("t", "X", "Y", (line,))
    corners = [tuple(map(float, corner.split(","))) for corner in chart.band(line).split()]
    assert corners == [
        (chart.x(0), chart.y(60)),
        (chart.x(100), chart.y(70)),
        (chart.x(100), chart.y(30)),
        (chart.x(0), chart.y(40)),
    ]
    assert chart.line(line) == f"{chart.x(0)},{chart.y(50)} {chart.x(100)},{chart.y(50)}"


@pytest.mark.parametrize(
    ("clips", "groups", "words"),
    [
        ((1, 3), (0.5, 3), "above 0"),
        ((1, 3), None, "above 0"),
        ((-3, -1), (-4, -0.5), "below 0"),
        ((-1, 3), (0.5, 2), "contains 0: these"),
        ((0, 3), None, "contains 0: these"),
        ((1, 3), (-0.5, 4), "the evidence is weak"),
        ((-3, -1), (-4, 0.5), "the evidence is weak"),
    ],
)
def test_a_claim_needs_both_intervals(
    clips: tuple[float, float], groups: tuple[float, float] | None, words: str
) -> None:
    none = np.ones(1)
    by_group = None if groups is None else Interval(0, *groups)
    assert words in verdict(Comparison("ours", "base", (0,), Interval(0, *clips), by_group, None, False, none, none))


@pytest.mark.parametrize(
    ("seeds", "by_seed", "words"),
    [
        (5, (0.5, 3.5), "above 0"),
        (5, (-0.5, 4), "but the interval over seeds contains 0: the evidence is weak"),
        (10, (-0.5, 4), "above 0"),  # ten seeds: the bootstrap counts
        (1, None, "One seed with few labels shows no difference"),
    ],
)
def test_with_few_labels_and_few_seeds_the_interval_over_seeds_counts(
    seeds: int, by_seed: tuple[float, float] | None, words: str
) -> None:
    none, over_seeds = np.ones(1), None if by_seed is None else Interval(2, *by_seed)
    found = Comparison("ours", "base", tuple(range(seeds)), Interval(2, 1, 3), None, over_seeds, True, none, none)
    assert words in verdict(found)
