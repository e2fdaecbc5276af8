"""Methods against their baseline, paired by seed and clip: AUC difference with its intervals, p-values by ratio.

The formulas are in `statistics`. The printed table is in `evaluate.tables.comparison_table`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from evaluate.scoring.scores import Scores, check_comparable, stream_of
from evaluate.scoring.statistics import (
    Interval,
    bootstrap_auc_difference,
    holm,
    mcnemar_by_ratio,
    paired_t_interval,
)

SEEDS_WITH_FEW_LABELS = 10  # fewer make the bootstrap too narrow: tests/evaluate/scoring/test_null_simulation.py


@dataclass(frozen=True, eq=False)
class Comparison:
    """A method against its baseline on the seeds that both have; differences are method minus baseline, as fractions.

    Attributes:
        seeds: the seeds that both have, in order.
        by_clip: the AUC difference with the interval from resampled seeds and test clips.
        by_group: the same difference with the interval from resampled seeds and whole test groups; None with one group.
        by_seed: the same difference with the paired t interval over seeds; None with one seed.
        few_labels: whether one of the two was trained with a part of the training labels.
        p: (N,) p-values of McNemar's test at each ratio.
        p_holm: (N,) the same after Holm's correction for N ratios.
    """

    method: str
    baseline: str
    seeds: tuple[int, ...]
    by_clip: Interval
    by_group: Interval | None
    by_seed: Interval | None
    few_labels: bool
    p: NDArray[np.float64]
    p_holm: NDArray[np.float64]

    @property
    def has_too_few_seeds(self) -> bool:
        """Whether the bootstrap is too narrow, because labels are few and so are seeds."""
        return self.few_labels and len(self.seeds) < SEEDS_WITH_FEW_LABELS


def baseline_of(method: str, scores: Mapping[str, Sequence[Scores]], baseline: str) -> str | None:
    """Return the method that `method` is compared with; None: it is a baseline itself, or there is none.

    With several streams, each stream has its own baseline. If no method is called `Without distillation`, the baseline
    of `With distillation, rgb` is `Without distillation, rgb`.
    """
    name = baseline if baseline in scores else f"{baseline}, {stream_of(method)}"
    return name if name in scores and name != method else None


def compare(scores: Mapping[str, Sequence[Scores]], baseline: str) -> list[Comparison]:
    """Return the comparison of every method with its baseline (`baseline_of`), if both have a seed in common.

    Args:
        scores: method → one `Scores` per seed.
        baseline: name of the baseline.

    Raises:
        UserError: the scores are not of the same clips in the same order.
    """
    first = check_comparable(scores)
    for run in (run for own in scores.values() for run in own):
        if not np.array_equal(run.labels, first.labels) or run.groups != first.groups:
            raise UserError(
                f"{run.method} and {first.method} were scored on other test clips, or in another order, and cannot "
                "be paired clip by clip; score them with one manifest"
            )
    pairs = [(method, baseline_of(method, scores, baseline)) for method in scores]
    found = [_compare(scores[method], scores[name]) for method, name in pairs if name is not None]
    return [comparison for comparison in found if comparison is not None]


def _compare(own: Sequence[Scores], baseline: Sequence[Scores]) -> Comparison | None:
    """Return the comparison of a method with its baseline on the seeds that both have; None: there is no such seed."""
    by_seed, theirs_by_seed = ({run.seed: run for run in runs} for runs in (own, baseline))
    seeds = tuple(sorted(by_seed.keys() & theirs_by_seed.keys()))
    if not seeds:
        return None
    correct = np.stack([by_seed[seed].correct for seed in seeds])  # (S, I, N)
    theirs = np.stack([theirs_by_seed[seed].correct for seed in seeds])
    groups = own[0].groups
    p = mcnemar_by_ratio(correct, theirs)
    return Comparison(
        method=own[0].method,
        baseline=baseline[0].method,
        seeds=seeds,
        by_clip=bootstrap_auc_difference(correct, theirs),
        by_group=bootstrap_auc_difference(correct, theirs, groups=groups) if len(set(groups)) > 1 else None,
        by_seed=paired_t_interval(correct, theirs),
        few_labels=any(run.provenance.get("labels", "all") != "all" for run in (*own, *baseline)),
        p=p,
        p_holm=holm(p),
    )
