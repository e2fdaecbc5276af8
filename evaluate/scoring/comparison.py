"""Methods against their baseline, seed by seed and clip by clip: AUC difference with its interval, p-values by ratio.

Markdown prints the paper's ratios, CSV has all; differences are in points of per cent. The formulas, with what they
cover and what not, are in `statistics`; the accuracies themselves in `table`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from evaluate.scoring.predictions import Scores
from evaluate.scoring.statistics import RESAMPLES, Interval, bootstrap_auc_difference, holm, mcnemar_by_ratio
from evaluate.tables.notes import comparable, kind_of, notes
from evaluate.tables.published_table import PAPER_RATIOS, observation_ratios
from evaluate.tables.text_tables import UNKNOWN, csv_table, exact, markdown_table


@dataclass(frozen=True, eq=False)
class Comparison:
    """A method against its baseline on the seeds that both have; differences are method minus baseline, as fractions.

    Attributes:
        seeds: that both have, in order.
        by_clip: the AUC difference, and the interval that draws seeds and test clips.
        by_group: the same difference, and the interval that draws seeds and whole test groups; None with one group.
        p: (N,) of McNemar's test at each ratio.
        p_holm: (N,) the same after Holm's correction for N ratios.
    """

    method: str
    baseline: str
    seeds: tuple[int, ...]
    by_clip: Interval
    by_group: Interval | None
    p: NDArray[np.float64]
    p_holm: NDArray[np.float64]


def baseline_of(method: str, scores: Mapping[str, Sequence[Scores]], baseline: str) -> str | None:
    """Return the method that `method` is compared with; None: it is a baseline itself, or there is none.

    On several streams each has its own: where nothing is called `Without distillation`, it is
    `Without distillation, rgb` for `With distillation, rgb`.
    """
    name = baseline if baseline in scores else f"{baseline}, {kind_of(method)}"
    return name if name in scores and name != method else None


def compare(scores: Mapping[str, Sequence[Scores]], baseline: str) -> list[Comparison]:
    """Compare every method that has a baseline (`baseline_of`) with it, but for those that share no seed with it.

    Raises:
        UserError: the scores are not of the same clips.
    """
    first = comparable(scores)
    for run in (run for own in scores.values() for run in own):
        if not np.array_equal(run.labels, first.labels) or run.groups != first.groups:
            raise UserError(
                f"{run.method} and {first.method} were scored on other test clips, or in another order, and cannot "
                "be paired clip by clip; score them against one manifest"
            )
    pairs = [(method, baseline_of(method, scores, baseline)) for method in scores]
    found = [_compare(scores[method], scores[name]) for method, name in pairs if name is not None]
    return [comparison for comparison in found if comparison is not None]


def _compare(own: Sequence[Scores], baseline: Sequence[Scores]) -> Comparison | None:
    """Compare the runs of a method with those of its baseline that have the same seed; None: there are none."""
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
        p=p,
        p_holm=holm(p),
    )


def render_comparison(comparisons: Sequence[Comparison], scores: Mapping[str, Sequence[Scores]], baseline: str) -> str:
    """Return the comparisons of `scores` as Markdown, what was done and what it does not cover first.

    Args:
        comparisons: by `compare`.
        scores: what it compared.
        baseline: with what.
    """
    first = comparable(scores)
    ratios = observation_ratios(first)
    chosen = [n for n, ratio in enumerate(ratios) if ratio in PAPER_RATIOS or not set(PAPER_RATIOS) <= set(ratios)]
    head = ["Method", "Baseline", "Seeds", "AUC difference [over clips]", "[over groups]"]
    rows = [
        [
            row.method,
            row.baseline,
            str(len(row.seeds)),
            f"{100 * row.by_clip.difference:+.1f} {_interval(row.by_clip)}",
            UNKNOWN if row.by_group is None else _interval(row.by_group),
            *(_p(row.p_holm[n]) for n in chosen),
        ]
        for row in comparisons
    ]
    table = markdown_table([*head, *(f"p at {ratios[n]:.3g}%" for n in chosen)], rows, names=2)
    return f"{_caption(comparisons, scores, baseline)}\n\n{table}"


def render_comparison_csv(comparisons: Sequence[Comparison], ratios: Sequence[float]) -> str:
    """Return every number of comparisons at `ratios` (N,), in per cent, as CSV; p-values are fractions."""
    head = ["method", "baseline", "seeds", "auc_difference", "low_by_clip", "high_by_clip"]
    head += ["low_by_group", "high_by_group"]
    head += [f"{name}_{ratio:.3g}" for name in ("p", "p_holm") for ratio in ratios]
    rows = []
    for row in comparisons:
        clip, group = row.by_clip, row.by_group
        points = [clip.difference, clip.low, clip.high, *((group.low, group.high) if group else (None, None))]
        cells = [exact(None if point is None else 100 * point) for point in points]
        rows.append(
            [row.method, row.baseline, " ".join(map(str, row.seeds)), *cells, *map(exact, (*row.p, *row.p_holm))]
        )
    return csv_table(head, rows)


def _caption(comparisons: Sequence[Comparison], scores: Mapping[str, Sequence[Scores]], baseline: str) -> str:
    first = comparable(scores)
    groups, compared = len(set(first.groups)), {row.method for row in comparisons}
    left_out = [name for name in scores if baseline_of(name, scores, baseline) and name not in compared]
    sentences = [
        f"{first.protocol}: {'; '.join(notes(scores))}",
        "AUC difference: points by which a method is above its baseline on the seeds that both have, paired by seed "
        f"and clip, with 95% intervals of {RESAMPLES} bootstrap resamples of seeds and test clips [over clips]"
        + (f", and of seeds and whole test groups, of which there are {groups} [over groups]" if groups > 1 else ""),
        "Clips of one group are alike, which the interval over clips does not know; an interval from few groups or "
        "few seeds is itself uncertain",
        "p: McNemar's exact test at each ratio, of the clips that are right in more than half of the seeds (so it "
        f"knows nothing of how much seeds differ), after Holm's correction for the {len(first.accuracy)} ratios of a "
        "row",
    ]
    sentences += [f"Not compared, having no seed in common with the baseline: {', '.join(left_out)}"] * bool(left_out)
    return ". ".join(sentences) + "."


def _interval(interval: Interval) -> str:
    return f"[{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"
