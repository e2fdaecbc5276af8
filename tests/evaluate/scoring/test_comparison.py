"""Which methods are compared with which, and on which seeds."""

from dataclasses import replace

import numpy as np
import pytest

from common.errors import UserError
from evaluate.scoring.comparison import baseline_of, compare
from evaluate.scoring.statistics import (
    Interval,
    bootstrap_auc_difference,
    holm,
    mcnemar_by_ratio,
    paired_t_interval,
)

BASE, OURS = "Without distillation", "With distillation"


@pytest.mark.parametrize(
    ("method", "methods", "expected"),
    [
        (OURS, [BASE, OURS], BASE),
        (BASE, [BASE, OURS], None),
        ("KNN", [BASE, OURS, "KNN"], BASE),
        (f"{OURS}, rgb", [f"{BASE}, rgb", f"{BASE}, skeleton"], f"{BASE}, rgb"),
        (f"{BASE}, rgb", [f"{BASE}, rgb", f"{BASE}, skeleton"], None),
        (f"{OURS}, rgb", [BASE, f"{BASE}, skeleton"], BASE),
        (f"{BASE}, distilled", [BASE, f"{BASE}, distilled"], BASE),  # a name of somebody's own
        (f"{BASE}, rgb", [f"{BASE}, rgb", f"{BASE}, skeleton", OURS], None),
        ("KNN", [f"{BASE}, rgb", "KNN"], None),
        (f"{OURS}, rgb", [f"{OURS}, rgb", f"{BASE}, skeleton"], None),
    ],
)
def test_each_is_compared_with_the_baseline_on_its_own_features(method, methods, expected):
    assert baseline_of(method, dict.fromkeys(methods, ()), BASE) == expected


def test_a_comparison_is_that_of_the_seeds_both_have_in_their_order(runs):
    scores = {OURS: runs(OURS, 0.8, seeds=(2, 7, 0)), BASE: runs(BASE, 0.5, seeds=(0, 1, 2))}
    (found,) = compare(scores, BASE)
    correct = np.stack([scores[OURS][2].correct, scores[OURS][0].correct])
    baseline = np.stack([scores[BASE][0].correct, scores[BASE][2].correct])
    assert (found.method, found.baseline, found.seeds) == (OURS, BASE, (0, 2))
    assert found.by_clip == bootstrap_auc_difference(correct, baseline)
    assert found.by_group == bootstrap_auc_difference(correct, baseline, groups=scores[BASE][0].groups)
    assert found.by_group != found.by_clip
    assert found.by_seed == paired_t_interval(correct, baseline)
    assert found.p.tolist() == mcnemar_by_ratio(correct, baseline).tolist()
    assert found.p_holm.tolist() == holm(found.p).tolist()


def test_a_difference_is_method_minus_baseline(runs):
    scores = {BASE: runs(BASE, 0.2), OURS: runs(OURS, 0.9)}
    (found,) = compare(scores, BASE)
    mean = np.mean([run.auc_mean for run in scores[OURS]]) - np.mean([run.auc_mean for run in scores[BASE]])
    assert found.by_clip.difference == pytest.approx(mean)
    assert 0 < found.by_clip.low < found.by_clip.difference < found.by_clip.high
    (back,) = compare(scores, OURS)
    assert back.by_clip == Interval(-found.by_clip.difference, -found.by_clip.high, -found.by_clip.low)


def test_one_group_has_no_interval_over_groups(runs):
    groups = ("anna",) * 20
    (found,) = compare({BASE: runs(BASE, 0.2, groups=groups), OURS: runs(OURS, 0.9, groups=groups)}, BASE)
    assert found.by_group is None


def test_one_seed_has_no_interval_over_seeds(runs):
    (found,) = compare({BASE: runs(BASE, 0.2, seeds=(3,)), OURS: runs(OURS, 0.9, seeds=(3, 4))}, BASE)
    assert found.seeds == (3,)
    assert found.by_seed is None


@pytest.mark.parametrize(
    ("shares", "seeds", "few", "too_few"),
    [
        (("all", "all"), 2, False, False),
        ((None, None), 2, False, False),  # predictions of somebody else
        (("10%", "10%"), 9, True, True),
        (("10%", "10%"), 10, True, False),
        (("all", "10%"), 3, True, True),
    ],
)
def test_few_labels_need_more_seeds(runs, shares, seeds, few, too_few):
    scores = {
        method: [replace(run, provenance={"labels": share} if share else {}) for run in runs(method, 0.5, range(seeds))]
        for method, share in zip((BASE, OURS), shares, strict=True)
    }
    (found,) = compare(scores, BASE)
    assert (found.few_labels, found.has_too_few_seeds) == (few, too_few)


def test_methods_without_a_seed_in_common_are_not_compared(runs):
    scores = {BASE: runs(BASE, 0.5), OURS: runs(OURS, 0.6), "KNN": runs("KNN", 0.4, seeds=(8, 9))}
    assert [row.method for row in compare(scores, BASE)] == [OURS]


@pytest.mark.parametrize("changed", ["labels", "groups"])
def test_other_clips_are_refused(runs, changed):
    of_base = runs(BASE, 0.5)
    other = {changed: getattr(of_base[0], changed)[::-1]}
    scores = {BASE: of_base, OURS: runs(OURS, 0.6, **other)}
    with pytest.raises(UserError, match=f"{OURS} and {BASE} were scored on other test clips"):
        compare(scores, BASE)


def test_what_cannot_stand_together_is_refused(runs):
    with pytest.raises(UserError, match="a seed occurs twice"):
        compare({BASE: runs(BASE, 0.5, seeds=(1, 1))}, BASE)
