"""Golden tables of comparisons."""

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest

from evaluate.scoring.comparison import Comparison, compare
from evaluate.scoring.scores import observation_ratios
from evaluate.scoring.statistics import Interval, holm
from evaluate.tables.comparison_table import render_comparison, render_comparison_csv

BASE, OURS = "Without distillation", "With distillation"


GOLDEN = """\
own: 4 classes; 8 train, 20 test clips; 2 to 3 seeds. AUC difference: the points by which a method is above its \
baseline, on the seeds that both have, paired by seed and clip, with 95% intervals. Over clips: 10,000 bootstrap \
resamples of seeds and test clips; it covers the draw of test clips and of seeds. Over groups: the same with whole \
test groups (4 groups) in place of clips, because clips of one group are alike; it covers the draw of groups and of \
seeds. Over seeds: paired t interval of the differences by seed; it covers the draw of seeds, and with few labels of \
the labelled clips, but not that of test clips. No interval covers the choice of the data set, and one from few \
groups or few seeds is itself uncertain. p: McNemar's exact test at each ratio, on the clips that are right in more \
than half of the seeds (it does \
not know how much the seeds differ), after Holm's correction for the 5 ratios of a row.

| Method | Baseline | Seeds | AUC difference [over clips] | [over groups] | \
[over seeds] | p at 20% | p at 40% | p at 60% | p at 80% | p at 100% |
|:-|:-|-:|-:|-:|-:|-:|-:|-:|-:|-:|
| With \\| KD | GRU\\_1 | 2 | +12.3 [+1.0, +23.5] | [-4.6, +25.0] | [-1.2, +25.9] | \
<0.001 | 0.001 | 0.050 | 0.123 | 0.900 |
"""


def golden(runs):
    p = np.array([0.0001, 0.0003, 0.0167, 0.0617, 0.9])
    by_clip, by_group = Interval(0.1234, 0.01, 0.235), Interval(0.1234, -0.0456, 0.25)
    by_seed = Interval(0.1234, -0.0123, 0.2591)
    row = Comparison("With | KD", "GRU_1", (0, 2), by_clip, by_group, by_seed, False, p, holm(p))
    scores = {"GRU_1": runs("GRU_1", 0.5), "With | KD": runs("With | KD", 0.6, seeds=(0, 2))}
    return [row], scores


def without_padding(markdown):
    return re.sub(" +", " ", re.sub("-+([:|])", r"-\1", markdown))


def test_markdown(runs):
    assert without_padding(render_comparison(*golden(runs), "GRU_1")) == GOLDEN


def test_csv_has_every_ratio_raw_and_corrected(runs):
    text = render_comparison_csv(golden(runs)[0], (20.0, 40.0, 60.0, 80.0, 100.0))
    (row,) = csv.DictReader(io.StringIO(text))
    assert row == {
        "method": "With | KD",
        "baseline": "GRU_1",
        "seeds": "0 2",
        "auc_difference": "12.34",
        "low_by_clip": "1",
        "high_by_clip": "23.5",
        "low_by_group": "-4.56",
        "high_by_group": "25",
        "low_by_seed": "-1.23",
        "high_by_seed": "25.91",
        "p_20": "0.0001",
        "p_40": "0.0003",
        "p_60": "0.0167",
        "p_80": "0.0617",
        "p_100": "0.9",
        "p_holm_20": "0.0005",
        "p_holm_40": "0.0012",
        "p_holm_60": "0.0501",
        "p_holm_80": "0.1234",
        "p_holm_100": "0.9",
    }


@pytest.mark.parametrize(("segments", "printed"), [(10, "20 40 60 80 100"), (3, "33.3 66.7 100"), (1, "100")])
def test_the_papers_ratios_are_printed_where_there_are_such(runs, segments, printed):
    scores = {BASE: runs(BASE, 0.5, segments=segments), OURS: runs(OURS, 0.6, segments=segments)}
    header = without_padding(render_comparison(compare(scores, BASE), scores, BASE)).splitlines()[2]
    assert header.endswith("| " + " | ".join(f"p at {ratio}%" for ratio in printed.split()) + " |")


def test_one_group_has_no_interval_over_groups(runs):
    groups = ("anna",) * 20
    scores = {BASE: runs(BASE, 0.2, groups=groups), OURS: runs(OURS, 0.9, groups=groups)}
    (found,) = compare(scores, BASE)
    assert found.by_group is None
    text = without_padding(render_comparison([found], scores, BASE))
    assert "] | – | " in text
    assert "test groups" not in text
    (row,) = csv.DictReader(io.StringIO(render_comparison_csv([found], observation_ratios(scores[BASE][0]))))
    assert row["low_by_group"] == row["high_by_group"] == ""


def test_one_seed_has_no_interval_over_seeds_and_it_is_said(runs):
    scores = {BASE: runs(BASE, 0.2, seeds=(4,)), OURS: runs(OURS, 0.9, seeds=(4,))}
    found = compare(scores, BASE)
    text = without_padding(render_comparison(found, scores, BASE))
    assert "] | – | " in text
    assert "One seed shows no variance of seeds, so it has no interval over seeds." in text
    (row,) = csv.DictReader(io.StringIO(render_comparison_csv(found, observation_ratios(scores[BASE][0]))))
    assert row["low_by_seed"] == row["high_by_seed"] == ""
    assert row["low_by_group"] != ""


@pytest.mark.parametrize(("labels", "seeds", "warned"), [("10%", 9, True), ("10%", 10, False), ("all", 2, False)])
def test_few_labels_need_ten_seeds(runs, labels, seeds, warned):
    def trained(method, share):
        return [replace(run, provenance={"labels": labels}) for run in runs(method, share, seeds=range(seeds))]

    scores = {BASE: trained(BASE, 0.5), OURS: trained(OURS, 0.6)}
    text = render_comparison(compare(scores, BASE), scores, BASE)
    sentence = (
        "With few labels, each seed has other labelled clips: with fewer than 10 seeds the bootstrap intervals are too "
        "narrow, and a headline needs at least 10."
    )
    assert text.count(sentence) == int(warned)
    assert text.count("With few labels") == int(warned)


def test_without_a_seed_in_common_it_is_said(runs):
    scores = {BASE: runs(BASE, 0.5), OURS: runs(OURS, 0.6), "KNN": runs("KNN", 0.4, seeds=(8, 9))}
    found = compare(scores, BASE)
    assert [row.method for row in found] == [OURS]
    assert render_comparison(found, scores, BASE).count("in common with the baseline: KNN.") == 1
    alone = {name: own for name, own in scores.items() if name != "KNN"}
    assert "in common" not in render_comparison(compare(alone, BASE), alone, BASE)
