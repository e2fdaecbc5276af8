"""The table of paired comparisons as Markdown and CSV: AUC difference with its intervals, p-values by ratio.

Markdown prints the paper's ratios, CSV has all of them. Differences are in points of per cent.
"""

from collections.abc import Mapping, Sequence

from evaluate.scoring.comparison import Comparison, baseline_of
from evaluate.scoring.scores import Scores, check_comparable, observation_ratios
from evaluate.scoring.statistics import RESAMPLES, Interval
from evaluate.tables.notes import notes
from evaluate.tables.published_table import PAPER_RATIOS
from evaluate.tables.text_tables import UNKNOWN, csv_table, exact, markdown_table


def render_comparison(comparisons: Sequence[Comparison], scores: Mapping[str, Sequence[Scores]], baseline: str) -> str:
    """Return the comparisons of `scores` as Markdown, what was done and what it does not cover first.

    Args:
        comparisons: by `compare`.
        scores: what it compared.
        baseline: with what.
    """
    first = check_comparable(scores)
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
    first = check_comparable(scores)
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
