"""Golden reports beyond accuracy."""

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest

from common.errors import UserError
from evaluate.scoring.earliness import Decision
from evaluate.scoring.scores import Scores
from evaluate.tables.beyond import render_beyond, render_beyond_csv


def run(method="GRU", seed=0, segments=5, decided=True, error=0.0):
    """Four clips: right for good from the first, the last and no level, and the last again."""
    correct = np.zeros((4, segments), dtype=bool)
    correct[0], correct[1, -1], correct[3, -1] = True, True, True
    accuracy = correct.mean(axis=0)
    decision = Decision(threshold=0.55 + 0.1 * seed, accuracy=0.5, earliness=0.75) if decided else None
    labels, groups = np.arange(4), ("g",) * 4
    clips = {"train": 8, "validation": 2, "test": 4}
    calibration_error = 0.01 * np.arange(1, segments + 1) + error
    return Scores(
        method, "own", seed, accuracy, accuracy, clips, 4, 4, {}, labels, groups, correct, calibration_error, decision
    )


MARKDOWN = """\
own: 4 classes; 8 train, 2 validation, 4 test clips; 1 to 2 seeds. All in per cent; ± is the sample standard \
deviation over seeds. ECE: expected calibration error at a ratio, 15 bins of equal width. A clip is decided at the \
first ratio at which the confidence reaches the threshold; if there is none, at the last. The threshold has the best \
harmonic mean on the validation clips. Earliness: the part of a clip that is seen at the decision. Harmonic mean: of \
the accuracy and of 1 − earliness. Right for good from: the part of a clip from which on the prediction stays right; a \
clip that is wrong at the end counts as 120. –: there are no predictions of the validation clips.

| Method | ECE 20% | ECE 60% | ECE 100% | ECE, mean | Threshold | Accuracy when decided | Earliness | \
Harmonic mean | Right for good from |
|:-|-:|-:|-:|-:|-:|-:|-:|-:|-:|
| GRU \\| KD | 2.0 ± 1.4 | 4.0 ± 1.4 | 6.0 ± 1.4 | 4.0 ± 1.4 | 60.0 ± 7.1 | 50.0 ± 0.0 | 75.0 ± 0.0 | \
33.3 ± 0.0 | 85.0 ± 0.0 |
| KNN | 1.0 | 3.0 | 5.0 | 3.0 | – | – | – | – | 85.0 |
"""


def both():
    return {"GRU | KD": [run(seed=0), run(seed=1, error=0.02)], "KNN": [run("KNN", decided=False)]}


def without_padding(markdown):
    return re.sub(" +", " ", re.sub("-+([:|])", r"-\1", markdown))


def test_markdown():
    assert without_padding(render_beyond(both())) == MARKDOWN


def test_csv_has_every_ratio():
    ours, knn = csv.DictReader(io.StringIO(render_beyond_csv(both())))
    assert (ours["method"], ours["seeds"], knn["method"], knn["seeds"]) == ("GRU | KD", "2", "KNN", "1")
    for n, ratio in enumerate((20, 40, 60, 80, 100)):
        assert float(ours[f"calibration_error_{ratio}"]) == pytest.approx(n + 2)
        assert float(ours[f"calibration_error_{ratio}_std"]) == pytest.approx(2**0.5, abs=1e-4)
    assert float(ours["calibration_error_mean"]) == pytest.approx(4)
    assert float(ours["decision_harmonic_mean"]) == pytest.approx(100 / 3, abs=1e-3)
    assert (ours["decision_threshold"], ours["decision_accuracy"], ours["decision_earliness"]) == ("60", "50", "75")
    assert ours["time_to_correct"] == knn["time_to_correct"] == "85"
    assert knn["decision_threshold"] == knn["decision_threshold_std"] == knn["decision_earliness"] == ""


def test_a_method_that_lacks_a_decision_in_one_seed_has_none():
    text = without_padding(render_beyond({"GRU": [run(seed=0), run(seed=1, decided=False)]}))
    assert "| – | – | – | – | 85.0 ± 0.0 |" in text


def test_what_all_know_needs_no_note():
    text = render_beyond({"GRU": [run()]})
    assert "±" not in text
    assert "–" not in text


def test_other_numbers_of_segments_print_their_own_ratios():
    header = without_padding(render_beyond({"GRU": [run(segments=2)]})).splitlines()[2]
    assert header.startswith("| Method | ECE 50% | ECE 100% | ECE, mean |")


def test_what_cannot_stand_together_is_refused():
    for render in (render_beyond, render_beyond_csv):
        with pytest.raises(UserError, match="number of segments"):
            render({"GRU": [run()], "KNN": [run("KNN", segments=3)]})


def test_agreement_with_the_teacher_where_there_is_one():
    taught = replace(run("taught"), provenance={"teacher_agreement": [0.5, 0.5, 0.5, 1.0, 1.0]})
    scores = {"taught": [taught], "GRU": [run()]}
    head, _, *rows = [line for line in without_padding(render_beyond(scores)).splitlines() if line.startswith("|")]
    assert head.endswith("| Right for good from | Like its teacher |")
    assert [row.split("|")[-2].strip() for row in rows] == ["70.0", "–"]
    ours, baseline = csv.DictReader(io.StringIO(render_beyond_csv(scores)))
    assert (float(ours["teacher_agreement"]), baseline["teacher_agreement"]) == (pytest.approx(70.0), "")
