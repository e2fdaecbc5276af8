"""Tests of the difference of two methods: intervals of the AUC, exact McNemar test, Holm's correction.

The AUC has two intervals: a paired bootstrap over seeds and clips, and a paired t interval over seeds.

Pure functions on NumPy arrays of right and wrong predictions, fractions in float64. Two methods are always compared on
the same seeds and the same clips.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Right = NDArray[np.bool_]

RESAMPLES = 10_000
DRAWN_AT_ONCE = 400_000  # clips, which fit into a processor's cache


@dataclass(frozen=True)
class Interval:
    """A difference and the ends of its interval, as fractions."""

    difference: float
    low: float
    high: float


def bootstrap_auc_difference(
    correct: Right,
    baseline: Right,
    *,
    groups: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Return the AUC of a method minus that of the baseline, with the percentile interval of a paired bootstrap.

    Each resample draws seeds and clips with replacement, the same ones for both methods. The AUC is the mean over the N
    ratios. The interval covers other training seeds and other clips of the same kind. It does not cover another split
    or other hyper-parameters.

    Clips are not independent: one person performs many clips, and of UTD-MHAD's four test persons each performs a
    quarter. So the interval over clips is too narrow; see `groups`. A few seeds show little of the variance of all
    seeds: S seeds show (S − 1)/S of it, and one seed none. If differences are independent noise of each seed and clip,
    the interval is too wide, by a factor of up to √3 (Owen, Annals of Applied Statistics, 2007). If differences vary
    mostly by seed, as with few labels, the interval of few seeds is too narrow; see `paired_t_interval`.

    Args:
        correct: (S, I, N) of S seeds, I clips, N ratios.
        baseline: (S, I, N), the same seeds, clips and ratios in the same order.
        groups: (I,) groups, such as the persons. Whole groups with all of their clips are drawn instead of clips. With
            fewer than about twenty groups, the interval is still too narrow.
        resamples: number of resamples.
        seed: seed of the random generator.
        level: share of the resampled differences inside the interval.
    """
    # Our own code: `scipy.stats.bootstrap` draws along one axis only. Here seeds and clips are drawn together, or
    # groups of different sizes.
    seeds, clips, ratios = correct.shape
    difference = correct.sum(axis=2) - baseline.sum(axis=2)  # (S, I) ratios: whole numbers, so exact
    group_of = np.unique(np.arange(clips) if groups is None else np.asarray(groups), return_inverse=True)[1]
    size = np.bincount(group_of)  # (G,)
    total = np.zeros((seeds, len(size)))  # (S, G)
    np.add.at(total.T, group_of, difference.T)
    generator = np.random.default_rng(seed)
    rows = max(1, DRAWN_AT_ONCE // len(size))
    drawn = [_resample(total, size, min(rows, resamples - done), generator) for done in range(0, resamples, rows)]
    low, high = np.quantile(np.concatenate(drawn) / ratios, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(difference.mean() / ratios), float(low), float(high))


def paired_t_interval(correct: Right, baseline: Right, *, level: float = 0.95) -> Interval | None:
    """Return the AUC of a method minus that of the baseline, with the paired t interval over seeds.

    The interval covers other training seeds, and with few labels other draws of the labelled clips, because the seed
    determines which clips have a label. It does not cover other test clips.

    Args:
        correct: (S, I, N) of S seeds, I clips, N ratios.
        baseline: (S, I, N), the same seeds, clips and ratios in the same order.
        level: level of confidence.

    Returns:
        The difference and its interval with S − 1 degrees of freedom; None with one seed, which shows no variance.
    """
    from scipy.special import stdtrit  # takes a moment to load, and most commands do not need it

    seeds = len(correct)
    if seeds == 1:
        return None
    of_seed = (correct.sum(axis=(1, 2)) - baseline.sum(axis=(1, 2))) / correct[0].size  # (S,)
    half = float(stdtrit(seeds - 1, (1 + level) / 2) * of_seed.std(ddof=1) / np.sqrt(seeds))
    mean = float(of_seed.mean())
    return Interval(mean, mean - half, mean + half)


def majority(correct: Right) -> Right:
    """Return which clips are right in more than half of the seeds: (S, I, N) → (I, N)."""
    return np.asarray(correct.mean(axis=0) > 0.5)


def exact_mcnemar(correct: Right, baseline: Right) -> float:
    """Return the p-value of McNemar's exact test on the clips that only one of two methods has right.

    It is the two-sided binomial test with probability 1/2. The p-value is 1 if there is no such clip.

    Args:
        correct: (I,).
        baseline: (I,), the same clips.
    """
    from scipy.stats import binomtest  # takes a second to load, and most commands do not need it

    ours, theirs = int((correct & ~baseline).sum()), int((baseline & ~correct).sum())
    return float(binomtest(ours, ours + theirs).pvalue) if ours + theirs else 1.0


def mcnemar_by_ratio(correct: Right, baseline: Right) -> NDArray[np.float64]:
    """Return `exact_mcnemar` of the `majority` over seeds at each observation ratio: (S, I, N) twice → (N,)."""
    ours, theirs = majority(correct), majority(baseline)
    return np.array([exact_mcnemar(ours[:, n], theirs[:, n]) for n in range(ours.shape[1])])


def holm(p: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return K p-values (K,) after Holm's correction for K tests, in the same order.

    The smallest is multiplied by K, the next by K − 1 and so on. The order is kept, and no value is above 1.
    """
    # Our own code: SciPy controls only the rate of false discoveries (`false_discovery_control`).
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p), dtype=np.float64)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return corrected


def _resample(
    total: NDArray[np.float64], size: NDArray[np.intp], count: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return the mean differences (count,) of resamples, from the totals (S, G) of groups with `size` clips (G,)."""
    seeds, groups = total.shape
    times = generator.multinomial(
        seeds, np.full(seeds, 1 / seeds), size=count
    )  # (count, S) how often each seed is drawn
    chosen = generator.integers(groups, size=(count, groups))
    sums = np.take_along_axis(times @ total, chosen, axis=1).sum(axis=1)
    return np.asarray(sums / (seeds * size[chosen].sum(axis=1)))
