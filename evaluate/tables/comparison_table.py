"""The table of paired comparisons as Markdown and CSV: AUC difference with its intervals, p-values by ratio.

Markdown has the paper's ratios, CSV has all of them. Differences are in points of per cent.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from evaluate.scoring.comparison import SEEDS_WITH_FEW_LABELS, Comparison, baseline_of
from evaluate.scoring.scores import Scores, check_comparable, observation_ratios
from evaluate.scoring.statistics import RESAMPLES, Interval
from evaluate.tables.formats import UNKNOWN, csv_table, markdown_table
from evaluate.tables.notes import notes
from evaluate.tables.results_frame import column, curve_columns, printed_ratios


def comparison_frame(comparisons: Sequence[Comparison], ratios: Sequence[float]) -> pd.DataFrame:
    """Return comparisons as a DataFrame with a row per method and the columns of comparison.csv.

    Args:
        comparisons: by `compare`.
        ratios: (N,) observation ratios in per cent.

    Returns:
        `method`, `baseline`, `seeds` (those that both have, separated by spaces); in points `auc_difference`, and the
        ends of its 95 % intervals `low_by_clip`, `high_by_clip`, `low_by_group`, `high_by_group` (NaN with one group),
        `low_by_seed`, `high_by_seed` (NaN with one seed); as fractions the p-values `p_R` and, after Holm's correction,
        `p_holm_R`.
    """
    rows = []
    for one in comparisons:
        row: dict[str, object] = {"method": one.method, "baseline": one.baseline}
        row["seeds"] = " ".join(map(str, one.seeds))
        row["auc_difference"] = 100 * one.by_clip.difference
        row |= _ends("clip", one.by_clip) | _ends("group", one.by_group) | _ends("seed", one.by_seed)
        row |= dict(zip(curve_columns("p", ratios), one.p, strict=True))
        row |= dict(zip(curve_columns("p_holm", ratios), one.p_holm, strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


def render_comparison(comparisons: Sequence[Comparison], scores: Mapping[str, Sequence[Scores]], baseline: str) -> str:
    """Return comparisons as Markdown below an explanation of what was done and what it does not cover.

    Args:
        comparisons: by `compare`.
        scores: what was compared.
        baseline: name of the method that the others were compared with.
    """
    ratios = observation_ratios(check_comparable(scores))
    frame = comparison_frame(comparisons, ratios)
    cells = pd.DataFrame({"Method": frame["method"], "Baseline": frame["baseline"]})
    cells["Seeds"] = frame["seeds"].map(lambda seeds: str(len(seeds.split())))
    differences = frame["auc_difference"].map("{:+.1f} ".format)
    cells["AUC difference [over clips]"] = differences + _intervals(frame, "clip")
    cells["[over groups]"] = _intervals(frame, "group")
    cells["[over seeds]"] = _intervals(frame, "seed")
    for ratio in printed_ratios(ratios):
        cells[f"p at {ratio:.3g}%"] = frame[column("p_holm", ratio)].map(_printed_p)
    return f"{_caption(comparisons, scores, baseline)}\n\n{markdown_table(cells, ['Method', 'Baseline'])}"


def render_comparison_csv(comparisons: Sequence[Comparison], ratios: Sequence[float]) -> str:
    """Return every number of comparisons at `ratios` (N,), in per cent, as CSV; see `comparison_frame`."""
    return csv_table(comparison_frame(comparisons, ratios))


def about_intervals(comparisons: Sequence[Comparison], num_groups: int) -> list[str]:
    """Return sentences without their full stop on how the intervals of comparisons were made and what they cover.

    Args:
        comparisons: by `compare`.
        num_groups: number of groups of test clips.
    """
    sentences = [
        f"Over clips: {RESAMPLES:,} bootstrap resamples of seeds and test clips; it covers the draw of test clips and "
        "of seeds"
    ]
    if num_groups > 1:
        sentences.append(
            f"Over groups: the same with whole test groups ({num_groups} groups) in place of clips, because clips of "
            "one group are alike; it covers the draw of groups and of seeds"
        )
    sentences += [
        "Over seeds: paired t interval of the differences by seed; it covers the draw of seeds, and with few labels "
        "of the labelled clips, but not that of test clips",
        "No interval covers the choice of the data set, and one from few groups or few seeds is itself uncertain",
    ]
    if any(one.by_seed is None for one in comparisons):
        sentences.append("One seed shows no variance of seeds, so it has no interval over seeds")
    if any(one.has_too_few_seeds for one in comparisons):
        sentences.append(
            "With few labels, each seed has other labelled clips: with fewer than "
            f"{SEEDS_WITH_FEW_LABELS} seeds the bootstrap intervals are too narrow, and a headline needs at least "
            f"{SEEDS_WITH_FEW_LABELS}"
        )
    return sentences


def _caption(comparisons: Sequence[Comparison], scores: Mapping[str, Sequence[Scores]], baseline: str) -> str:
    first = check_comparable(scores)
    groups, compared = len(set(first.groups)), {row.method for row in comparisons}
    left_out = [name for name in scores if baseline_of(name, scores, baseline) and name not in compared]
    sentences = [
        f"{first.protocol}: {'; '.join(notes(scores))}",
        "AUC difference: the points by which a method is above its baseline, on the seeds that both have, paired by "
        "seed and clip, with 95% intervals",
        *about_intervals(comparisons, groups),
        "p: McNemar's exact test at each ratio, on the clips that are right in more than half of the seeds (it does "
        f"not know how much the seeds differ), after Holm's correction for the {len(first.accuracy)} ratios of a row",
    ]
    if left_out:
        sentences.append(f"Not compared, because they have no seed in common with the baseline: {', '.join(left_out)}")
    return ". ".join(sentences) + "."


def _ends(over: str, interval: Interval | None) -> dict[str, float]:
    """Return the columns of an interval in points; NaN: there is none."""
    low, high = (float("nan"),) * 2 if interval is None else (100 * interval.low, 100 * interval.high)
    return {f"low_by_{over}": low, f"high_by_{over}": high}


def _intervals(frame: pd.DataFrame, over: str) -> pd.Series:
    low, high = frame[f"low_by_{over}"], frame[f"high_by_{over}"]
    return (low.map("[{:+.1f}, ".format) + high.map("{:+.1f}]".format)).where(low.notna(), UNKNOWN)


def _printed_p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"
