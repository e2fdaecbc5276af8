"""The statistics against enumeration, SciPy, whole numbers and loops written from their definitions."""

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.scoring import statistics
from evaluate.scoring.statistics import (
    Interval,
    bootstrap_auc_difference,
    exact_mcnemar,
    holm,
    majority,
    mcnemar_by_ratio,
    paired_t_interval,
)


def right(generator, shape, share=0.5):
    return generator.random(shape) < share


def same(left, other):
    values = [(interval.difference, interval.low, interval.high) for interval in (left, other)]
    return values[0] == pytest.approx(values[1], abs=1e-12)


def weighted_quantile(means, share):
    """The value that `share` of equally likely draws do not exceed."""
    chances = Counter(means)
    total, so_far = sum(chances.values()), 0
    for value in sorted(chances):
        so_far += chances[value]
        if so_far >= share * total:
            return value
    raise AssertionError


@pytest.mark.parametrize("groups", [None, ["x", "y", "y", "x", "z"]])
def test_the_interval_is_that_of_every_possible_draw(groups):
    """All draws of 2 seeds and of 5 clips (or 3 groups) enumerated; the resampled ends agree with them."""
    generator = np.random.default_rng(3)
    correct, baseline = right(generator, (2, 5, 4)), right(generator, (2, 5, 4), 0.4)
    names = list(range(5)) if groups is None else groups
    of_group = [[clip for clip in range(5) if names[clip] == name] for name in dict.fromkeys(names)]
    means = []
    for seeds in itertools.product(range(2), repeat=2):
        for drawn in itertools.product(range(len(of_group)), repeat=len(of_group)):
            clips = [clip for group in drawn for clip in of_group[group]]
            ours, theirs = (np.mean([array[seed][clips].mean() for seed in seeds]) for array in (correct, baseline))
            means.append(round(float(ours - theirs), 9))
    found = bootstrap_auc_difference(correct, baseline, groups=groups, resamples=40_000, level=0.8)
    assert found.difference == pytest.approx(correct.mean() - baseline.mean())
    assert found.low == pytest.approx(weighted_quantile(means, 0.1), abs=0.026)  # at most one step of the means off
    assert found.high == pytest.approx(weighted_quantile(means, 0.9), abs=0.026)


def test_one_seed_is_the_bootstrap_of_clips_that_scipy_does():
    generator = np.random.default_rng(5)
    correct, baseline = right(generator, (1, 60, 10), 0.6), right(generator, (1, 60, 10), 0.5)
    of_clip = correct[0].mean(axis=1) - baseline[0].mean(axis=1)
    theirs = scipy.stats.bootstrap(
        (of_clip,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    found = bootstrap_auc_difference(correct, baseline, resamples=20_000)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.002)
    assert found.high - found.low > 0.05


def test_seeds_that_differ_widen_the_interval():
    """Every clip gains in one seed and loses in the other: clips alone would know no doubt."""
    correct = np.stack([np.ones((50, 2), dtype=bool), np.zeros((50, 2), dtype=bool)])
    baseline = ~correct
    assert bootstrap_auc_difference(correct, baseline, resamples=500) == Interval(0.0, -1.0, 1.0)


def test_whole_groups_widen_the_interval_where_their_clips_are_alike():
    groups = np.repeat(np.arange(4), 25)
    correct = np.broadcast_to((groups < 2)[None, :, None], (1, 100, 3))
    baseline = np.zeros((1, 100, 3), dtype=bool)
    clips = bootstrap_auc_difference(correct, baseline, resamples=2000)
    persons = bootstrap_auc_difference(correct, baseline, groups=groups, resamples=2000)
    assert clips.difference == persons.difference == 0.5
    assert (clips.low, clips.high) == pytest.approx((0.4, 0.6), abs=0.02)
    assert (persons.low, persons.high) == (0.0, 1.0)
    alone = bootstrap_auc_difference(correct, baseline, groups=np.arange(100), resamples=2000)
    assert alone == clips  # a clip is the smallest group


@pytest.mark.parametrize("clips", [1, 3, 40])
def test_drawn_in_many_parts_it_is_still_a_bootstrap(monkeypatch, clips):
    """The number of resamples is kept, and the interval is that of one part but for chance."""
    generator = np.random.default_rng(7)
    correct, baseline = right(generator, (3, clips, 5), 0.7), right(generator, (3, clips, 5))
    whole = bootstrap_auc_difference(correct, baseline, resamples=4001)
    drawn = []
    once = statistics._resample
    monkeypatch.setattr(statistics, "DRAWN_AT_ONCE", 97)
    monkeypatch.setattr(statistics, "_resample", lambda *given: drawn.append(once(*given)) or drawn[-1])
    parts = bootstrap_auc_difference(correct, baseline, resamples=4001)
    assert len(drawn) > 30
    assert sum(map(len, drawn)) == 4001
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high), abs=0.07)


cubes = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**32 - 1))


@settings(deadline=None, max_examples=40)
@given(cubes)
def test_swapping_the_methods_negates_the_difference_and_mirrors_the_interval(case):
    *shape, seed = case
    generator = np.random.default_rng(seed)
    correct, baseline = right(generator, shape), right(generator, shape)
    there = bootstrap_auc_difference(correct, baseline, resamples=200)
    back = bootstrap_auc_difference(baseline, correct, resamples=200)
    assert same(back, Interval(-there.difference, -there.high, -there.low))
    assert there.low <= there.high
    assert mcnemar_by_ratio(correct, baseline).tolist() == mcnemar_by_ratio(baseline, correct).tolist()


@settings(deadline=None, max_examples=20)
@given(cubes)
def test_a_method_does_not_differ_from_itself(case):
    *shape, seed = case
    correct = right(np.random.default_rng(seed), shape)
    assert bootstrap_auc_difference(correct, correct, resamples=50) == Interval(0.0, 0.0, 0.0)
    assert mcnemar_by_ratio(correct, correct).tolist() == [1.0] * shape[2]


def test_the_same_seed_draws_the_same():
    generator = np.random.default_rng(2)
    correct, baseline = right(generator, (3, 30, 5)), right(generator, (3, 30, 5))
    one, two, other = (bootstrap_auc_difference(correct, baseline, resamples=300, seed=seed) for seed in (0, 0, 1))
    assert one == two
    assert one != other


@pytest.mark.parametrize(
    ("of_seed", "of_clip", "of_both", "low", "high"),
    [
        (0.0, 1.0, 0.0, 0.93, 0.97),
        (1.0, 0.0, 0.0, 0.91, 0.96),  # 20 seeds show 19/20 of the variance of seeds
        (0.7, 0.7, 0.0, 0.93, 0.97),
        (0.0, 0.0, 1.0, 0.98, 1.0),  # noise of each seed and clip alone: too wide, as the docstring says
    ],
)
def test_how_often_the_interval_holds_the_truth(of_seed, of_clip, of_both, low, high):
    """600 times 20 seeds and 60 clips, whose differences vary by seed, by clip, by both, around +20 of 100 ratios."""
    generator = np.random.default_rng(11)
    baseline = np.broadcast_to(np.arange(100) < 30, (20, 60, 100))
    hit = 0
    for _ in range(600):
        shapes = ((20, 1), (1, 60), (20, 60))
        noise = sum(
            share * generator.normal(size=shape)
            for share, shape in zip((of_seed, of_clip, of_both), shapes, strict=True)
        )
        right_at = np.broadcast_to(np.rint(50 + 10 * noise), (20, 60))  # of 100 ratios; the baseline at the first 30
        correct = np.arange(100) < right_at[:, :, None]
        found = bootstrap_auc_difference(correct, baseline, resamples=300)
        hit += found.low <= 0.2 <= found.high
    assert low <= hit / 600 <= high


@pytest.mark.parametrize(("seeds", "level"), [(2, 0.95), (5, 0.95), (12, 0.8)])
def test_the_t_interval_is_that_of_scipys_paired_test(seeds, level):
    generator = np.random.default_rng(13)
    correct, baseline = right(generator, (seeds, 30, 5), 0.6), right(generator, (seeds, 30, 5))
    of_seed = [array.mean(axis=(1, 2)) for array in (correct, baseline)]
    theirs = scipy.stats.ttest_rel(*of_seed).confidence_interval(level)
    found = paired_t_interval(correct, baseline, level=level)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert found.difference == pytest.approx(correct.mean() - baseline.mean())


def test_the_t_interval_worked_by_hand():
    """Differences of 0 and 1/2: the mean is 1/4, its standard error 1/4, and t of one degree of freedom is 12.706."""
    correct = np.array([[[True, False]], [[True, True]]])
    baseline = np.array([[[False, True]], [[True, False]]])
    found = paired_t_interval(correct, baseline)
    assert (found.difference, found.low, found.high) == pytest.approx((0.25, 0.25 - 3.1766, 0.25 + 3.1766), abs=1e-4)


def test_one_seed_has_no_t_interval_and_equal_seeds_have_one_of_no_width():
    correct, baseline = np.ones((3, 8, 4), dtype=bool), np.zeros((3, 8, 4), dtype=bool)
    assert paired_t_interval(correct[:1], baseline[:1]) is None
    assert paired_t_interval(correct, baseline) == Interval(1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("ours", "theirs", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 5, 1.0),
        (5, 0, 2 / 32),
        (0, 6, 2 / 64),
        (8, 2, 2 * (1 + 10 + 45) / 1024),
        (3, 4, 1.0),
    ],
)
def test_mcnemar_counted_by_hand(ours, theirs, p):
    correct = np.array([True] * ours + [False] * theirs + [True, False, False])
    baseline = np.array([False] * ours + [True] * theirs + [True, False, False])
    assert exact_mcnemar(correct, baseline) == p


def twice_the_smaller_tail(ours, theirs):
    """The p-value in whole numbers."""
    flips = ours + theirs
    tail = sum(math.comb(flips, heads) for heads in range(min(ours, theirs) + 1))
    return float(min(Fraction(1), Fraction(2 * tail, 2**flips)))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 600), st.integers(0, 600))
def test_mcnemar_is_twice_the_smaller_tail(ours, theirs):
    correct = np.arange(ours + theirs) < ours
    assert exact_mcnemar(correct, ~correct) == pytest.approx(twice_the_smaller_tail(ours, theirs), rel=1e-9)


def test_mcnemar_of_twenty_thousand_clips_is_a_number():
    correct = np.arange(20_000) < 9_500
    found = exact_mcnemar(correct, ~correct)
    assert found == pytest.approx(1.6011093401587e-12, rel=1e-9)
    assert exact_mcnemar(correct & False, ~correct) == 0.0  # too small for a float


def test_several_seeds_vote_and_a_tie_is_wrong():
    votes = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0], [1, 0, 1, 0]], dtype=bool)  # 4, 2, 2, 0 of 4 seeds
    assert majority(votes[:, :, None])[:, 0].tolist() == [True, False, False, False]
    assert majority(votes[:3, :, None])[:, 0].tolist() == [True, True, False, False]  # 3, 2, 1, 0 of 3


def test_mcnemar_by_ratio_tests_each_ratio_alone():
    correct = np.zeros((3, 6, 2), dtype=bool)
    correct[:2, :, 1] = True  # two of three seeds have all six right at the second ratio
    assert mcnemar_by_ratio(correct, np.zeros_like(correct)).tolist() == [1.0, 2 / 64]
    assert mcnemar_by_ratio(correct[1:], np.zeros_like(correct[1:])).tolist() == [1.0, 1.0]  # one of two: a tie


@pytest.mark.parametrize(
    ("p", "corrected"),
    [
        ([0.04], [0.04]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
        ([0.5, 0.6, 1.0], [1.0, 1.0, 1.0]),
    ],
)
def test_holm_worked_by_hand(p, corrected):
    assert holm(np.array(p)) == pytest.approx(corrected)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.sampled_from([0.01, 0.05, 0.2]))
def test_holm_rejects_what_stepping_down_rejects(p, alpha):
    """The definition: from the smallest on, until one is above alpha over the number of those not yet rejected."""
    rejected = set()
    for step, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[index] * (len(p) - step) > alpha:
            break
        rejected.add(index)
    corrected = holm(np.array(p))
    assert {index for index in range(len(p)) if corrected[index] <= alpha} == rejected
    assert (corrected >= np.array(p)).all()
