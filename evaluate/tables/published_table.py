"""The results table: our methods as mean ± standard deviation over seeds beside published rows of the same protocol.

Markdown and LaTeX have the columns of the paper's Table 1 (20, 40, 60, 80, 100 % and AUC). CSV has every ratio, both
areas and top-5 accuracy. Numbers are in per cent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evaluate.scoring.scores import Scores, check_comparable, observation_ratios
from evaluate.tables.formats import csv_table, latex_table, markdown_table, printed
from evaluate.tables.notes import notes
from evaluate.tables.results_frame import (
    AREAS,
    area,
    column,
    curve_columns,
    printed_ratios,
    results_frame,
    rows_of_frame,
    summary,
    with_std,
)
from manifests.published import Published

OTHER_AUC = "†"
OTHER_AUC_NOTE = "† area by another definition, or by one not stated: not comparable with the mean over the ratios."
TEXT = ("Method", "Source")


@dataclass(frozen=True, eq=False)
class ResultsTable:
    """The results of some methods under one protocol.

    Attributes:
        frame: a row per method, published rows first; see `results_frame`.
        ratios: all observation ratios in per cent.
        caption: what a reader must know of the numbers.
    """

    frame: pd.DataFrame
    ratios: tuple[float, ...]
    caption: str

    @property
    def cells(self) -> pd.DataFrame:
        """The printed table: strings under the columns Method, the paper's ratios, AUC and Source."""
        rows = rows_of_frame(self.frame)
        cells: dict[str, Any] = {"Method": self.frame["method"]}
        for ratio in printed_ratios(self.ratios):
            cells[f"{ratio:.3g}%"] = [printed(summary(row, column("accuracy", ratio))) for row in rows]
        return pd.DataFrame(cells | {"AUC": [printed_area(row) for row in rows], "Source": self.frame["source"]})

    @property
    def note(self) -> str:
        """The note on areas by another definition; empty if there are none."""
        return OTHER_AUC_NOTE if self.frame["auc_other"].notna().any() else ""


def make_table(scores: Mapping[str, Sequence[Scores]], published: Iterable[Published] = ()) -> ResultsTable:
    """Build the table of `scores` (method → one `Scores` per seed) beside `published` rows.

    Published rows of another protocol are left out.

    Raises:
        UserError: there are no scores, a seed occurs twice, or the scores are not comparable.
    """
    first = check_comparable(scores)
    ratios = observation_ratios(first)
    caption = f"{first.protocol}: {'; '.join(notes(scores))}. "
    caption += f"Accuracy (%) by observation ratio; AUC is the mean over the {len(ratios)} ratios"
    several = any(len(runs) > 1 for runs in scores.values())
    caption += "; ± is the sample standard deviation over seeds." if several else "."
    return ResultsTable(results_frame(scores, published), ratios, caption)


def render_markdown(table: ResultsTable) -> str:
    """Return the table in the paper's columns as Markdown below its caption."""
    note = f"\n{table.note}\n" if table.note else ""
    return f"{table.caption}\n\n{markdown_table(table.cells, TEXT)}{note}"


def render_latex(table: ResultsTable) -> str:
    """Return the table in the paper's columns as LaTeX, with a rule between published rows and ours."""
    caption = f"{table.caption} {table.note}".strip()
    return latex_table(table.cells, TEXT, caption, rule_after=int(table.frame["seeds"].isna().sum()))


def render_csv(table: ResultsTable) -> str:
    """Return every number of accuracy as CSV: all ratios, the areas, top-5 accuracy, means and deviations."""
    names = [*AREAS, *curve_columns("accuracy", table.ratios), *curve_columns("top5", table.ratios)]
    return csv_table(table.frame[["method", "protocol", "seeds", *with_std(names), "source"]])


def printed_area(row: Mapping[str, Any]) -> str:
    """Return the AUC of a row, with a dagger if its definition is not the mean over the ratios."""
    other = summary(row, "auc_other")
    return printed(area(row)) if other is None else f"{printed(other)} {OTHER_AUC}"
