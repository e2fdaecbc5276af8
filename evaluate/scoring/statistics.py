"""How sure a difference of two methods is: paired bootstrap of the AUC, exact McNemar test, Holm's correction.

Pure functions on NumPy arrays of right and wrong, fractions in float64. Two methods are always compared on the same
seeds and the same clips. Which methods and seeds those are, and how it is printed: `comparison`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Right = NDArray[np.bool_]

RESAMPLES = 10_000
DRAWN_AT_ONCE = 400_000  # clips: what a processor's cache holds


@dataclass(frozen=True)
class Interval:
    """A difference and the interval around it, as fractions."""

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
    """AUC of a method minus that of the baseline, with the percentile interval of a paired bootstrap.

    Seeds and clips are drawn with replacement, each resample the same ones for both methods; the AUC is the mean over
    the N ratios. So the interval covers other training seeds and other clips like these. It does not cover another
    split or other hyper-parameters, nor that clips hang together: one person performs many clips, and of UTD-MHAD's
    four test persons each a quarter, so that the interval over clips is too narrow (see `groups`). A handful of seeds
    says little of all seeds: S drawn ones show (S − 1)/S of their variance, and one seed none of it. Where differences
    are noise of each seed and clip by itself, the interval is too wide, by up to √3 (Owen, Ann. Appl. Stat. 2007).

    Args:
        correct: (S, I, N) of S seeds, I clips, N ratios.
        baseline: (S, I, N), the same seeds, clips and ratios in the same order.
        groups: (I,) what to draw instead of clips: whole groups, such as the persons, and with each all of its clips.
            With fewer than some twenty groups the interval is too narrow still, as with few seeds.
        resamples: how many are drawn.
        seed: of the drawing.
        level: the share of the resampled differences inside the interval.
    """
    # Our own, because `scipy.stats.bootstrap` draws along one axis: here seeds and clips are drawn at once, or groups
    # of unequal size.
    seeds, clips, ratios = correct.shape
    difference = correct.sum(axis=2) - baseline.sum(axis=2)  # (S, I), at how many ratios more: whole numbers, exact
    group_of = np.unique(np.arange(clips) if groups is None else np.asarray(groups), return_inverse=True)[1]
    size = np.bincount(group_of)  # (G,)
    total = np.zeros((seeds, len(size)))  # (S, G)
    np.add.at(total.T, group_of, difference.T)
    generator = np.random.default_rng(seed)
    rows = max(1, DRAWN_AT_ONCE // len(size))
    drawn = [_resample(total, size, min(rows, resamples - done), generator) for done in range(0, resamples, rows)]
    low, high = np.quantile(np.concatenate(drawn) / ratios, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(difference.mean() / ratios), float(low), float(high))


def majority(correct: Right) -> Right:
    """Which clips are right in more than half of the seeds: (S, I, N) → (I, N). A tie of an even number is wrong."""
    return np.asarray(correct.mean(axis=0) > 0.5)


def exact_mcnemar(correct: Right, baseline: Right) -> float:
    """P-value of McNemar's exact test: could a fair coin have dealt out the clips that one method alone has right?

    SciPy's two-sided binomial test; 1 where the methods differ in no clip.

    Args:
        correct: (I,).
        baseline: (I,), the same clips.
    """
    from scipy.stats import binomtest  # loads in a second, which most commands need not wait

    ours, theirs = int((correct & ~baseline).sum()), int((baseline & ~correct).sum())
    return float(binomtest(ours, ours + theirs).pvalue) if ours + theirs else 1.0


def mcnemar_by_ratio(correct: Right, baseline: Right) -> NDArray[np.float64]:
    """`exact_mcnemar` at each observation ratio: (S, I, N) twice → (N,). With several seeds, of their `majority`."""
    ours, theirs = majority(correct), majority(baseline)
    return np.array([exact_mcnemar(ours[:, n], theirs[:, n]) for n in range(ours.shape[1])])


def holm(p: NDArray[np.floating]) -> NDArray[np.float64]:
    """Holm's correction of K p-values for being K: (K,) → (K,), in their order.

    The smallest is multiplied by K, the next by K − 1 and so on; none comes out below a smaller one, none above 1.
    """
    # Our own, because SciPy corrects for the rate of false discoveries only (`false_discovery_control`).
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p), dtype=np.float64)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return corrected


def _resample(
    total: NDArray[np.float64], size: NDArray[np.intp], count: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Mean differences (count,) of drawn seeds and groups, from the totals (S, G) of groups with `size` clips (G,)."""
    seeds, groups = total.shape
    times = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=count)  # (count, S): how often each is drawn
    chosen = generator.integers(groups, size=(count, groups))
    sums = np.take_along_axis(times @ total, chosen, axis=1).sum(axis=1)
    return np.asarray(sums / (seeds * size[chosen].sum(axis=1)))
