"""The table of paired comparisons as Markdown and CSV: AUC difference with its intervals, p-values by ratio.

Markdown has the paper's ratios, CSV has all of them. Differences are in points of per cent.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from evaluate.scoring.comparison import Comparison, baseline_of
from evaluate.scoring.scores import Scores, check_comparable, observation_ratios
from evaluate.scoring.statistics import RESAMPLES
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
        ends of its 95 % intervals `low_by_clip`, `high_by_clip`, `low_by_group`, `high_by_group` (NaN with one group);
        the p-values `p_R` and, after Holm's correction, `p_holm_R` as fractions.
    """
    rows = []
    for one in comparisons:
        clip, group = one.by_clip, one.by_group
        row: dict[str, object] = {"method": one.method, "baseline": one.baseline}
        row["seeds"] = " ".join(map(str, one.seeds))
        row |= {"auc_difference": 100 * clip.difference, "low_by_clip": 100 * clip.low, "high_by_clip": 100 * clip.high}
        row["low_by_group"] = float("nan") if group is None else 100 * group.low
        row["high_by_group"] = float("nan") if group is None else 100 * group.high
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
    cells["[over groups]"] = _intervals(frame, "group").where(frame["low_by_group"].notna(), UNKNOWN)
    for ratio in printed_ratios(ratios):
        cells[f"p at {ratio:.3g}%"] = frame[column("p_holm", ratio)].map(_printed_p)
    return f"{_caption(comparisons, scores, baseline)}\n\n{markdown_table(cells, ['Method', 'Baseline'])}"


def render_comparison_csv(comparisons: Sequence[Comparison], ratios: Sequence[float]) -> str:
    """Return every number of comparisons at `ratios` (N,), in per cent, as CSV; see `comparison_frame`."""
    return csv_table(comparison_frame(comparisons, ratios))


def _caption(comparisons: Sequence[Comparison], scores: Mapping[str, Sequence[Scores]], baseline: str) -> str:
    first = check_comparable(scores)
    groups, compared = len(set(first.groups)), {row.method for row in comparisons}
    left_out = [name for name in scores if baseline_of(name, scores, baseline) and name not in compared]
    sentences = [
        f"{first.protocol}: {'; '.join(notes(scores))}",
        "AUC difference: the points by which a method is above its baseline, on the seeds that both have, paired by "
        f"seed and clip, with 95% intervals of {RESAMPLES} bootstrap resamples of seeds and test clips [over clips]"
        + (f", and of seeds and whole test groups ({groups} groups) [over groups]" if groups > 1 else ""),
        "Clips of one group are alike, which the interval over clips does not take into account. An interval from few "
        "groups or few seeds is itself uncertain",
        "p: McNemar's exact test at each ratio, on the clips that are right in more than half of the seeds (it does "
        f"not know how much the seeds differ), after Holm's correction for the {len(first.accuracy)} ratios of a row",
    ]
    if left_out:
        sentences.append(f"Not compared, because they have no seed in common with the baseline: {', '.join(left_out)}")
    return ". ".join(sentences) + "."


def _intervals(frame: pd.DataFrame, over: str) -> pd.Series:
    return frame[f"low_by_{over}"].map("[{:+.1f}, ".format) + frame[f"high_by_{over}"].map("{:+.1f}]".format)


def _printed_p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"
