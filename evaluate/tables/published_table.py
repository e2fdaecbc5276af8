"""The results table: our methods as mean ± std over seeds beside the published rows of the same protocol.

Markdown and LaTeX print the paper's columns (20, 40, 60, 80, 100 % and AUC, Table 1); CSV has every ratio,
both areas and top-5. Numbers here are per cent. No scoring (`predictions`), no drawing (`figure`).
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evaluate.scoring.scores import Scores, check_comparable, observation_ratios
from evaluate.scoring.summary import Summary, summarise
from evaluate.tables.notes import notes
from evaluate.tables.text_tables import exact, printed
from manifests.published import Published

PAPER_RATIOS = (20.0, 40.0, 60.0, 80.0, 100.0)
OTHER_AUC = "†"
OTHER_AUC_NOTE = "† area by another definition, or by one not stated: not comparable with the mean over the ratios."


@dataclass(frozen=True)
class Row:
    """One method; `accuracy` and `top5` map an observation ratio in per cent to a value, where it is known."""

    method: str
    accuracy: Mapping[float, Summary]
    top5: Mapping[float, Summary]
    auc: Summary | None
    auc_trapezoid: Summary | None
    auc_kind: str  # "mean-of-ten" and so on, see `manifests.published`; ours: "mean"
    seeds: int  # 0: published
    source: str


@dataclass(frozen=True)
class Table:
    """Rows, published ones first, at `ratios` (per cent), and the caption without which they mean nothing."""

    protocol: str
    ratios: tuple[float, ...]
    rows: tuple[Row, ...]
    caption: str


def make_table(scores: Mapping[str, Sequence[Scores]], published: Iterable[Published] = ()) -> Table:
    """Build the table of `scores` (method → one `Scores` a seed) beside `published` rows.

    A published row of another protocol is left out, whoever passed it.

    Raises:
        UserError: no scores, a seed twice, or scores that cannot stand in one table.
    """
    first = check_comparable(scores)
    ratios = observation_ratios(first)
    rows = [published_row(row) for row in published if row.protocol == first.protocol]
    rows += [own_row(method, runs, ratios) for method, runs in scores.items()]
    caption = f"{first.protocol}: {'; '.join(notes(scores))}. "
    caption += f"Accuracy (%) by observation ratio; AUC is the mean over the {len(ratios)} ratios"
    caption += "; ± is the sample standard deviation over seeds." if any(row.seeds > 1 for row in rows) else "."
    return Table(first.protocol, ratios, tuple(rows), caption)


def render_markdown(table: Table) -> str:
    """Return the table in the paper's columns as Markdown, caption first."""
    columns = _printed_ratios(table)
    lines = [table.caption, "", _markdown(["Method", *(f"{ratio:.3g}%" for ratio in columns), "AUC", "Source"])]
    lines.append(_markdown(["---", *["---:"] * (len(columns) + 1), "---"]))
    for row in table.rows:
        cells = [row.method, *(printed(row.accuracy.get(ratio)) for ratio in columns), _auc(row), row.source]
        lines.append(_markdown([re.sub(r"([\\|*_<`])", r"\\\1", cell) for cell in cells]))
    lines += ["", OTHER_AUC_NOTE] if any(OTHER_AUC in _auc(row) for row in table.rows) else []
    return "\n".join(lines) + "\n"


def render_latex(table: Table) -> str:
    """Return the table in the paper's columns as a LaTeX `table` for booktabs."""
    columns = _printed_ratios(table)
    head = ["Method", *(f"{ratio:.3g}%" for ratio in columns), "AUC", "Source"]
    body = [
        latex_row([row.method, *(printed(row.accuracy.get(ratio)) for ratio in columns), _auc(row), row.source])
        for row in table.rows
    ]
    ours = sum(row.seeds == 0 for row in table.rows)
    body[ours:ours] = [r"\midrule"] if ours else []
    note = " " + OTHER_AUC_NOTE if any(OTHER_AUC in _auc(row) for row in table.rows) else ""
    lines = [
        r"\begin{table}",
        rf"\caption{{{escape_latex(table.caption + note)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(columns) + 1)}l}}",
        r"\toprule",
        latex_row(head),
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def render_csv(table: Table) -> str:
    """Return every number as CSV, in per cent: all ratios, both areas, top-5, means and deviations.

    `auc_mean` is the mean over the ratios; a published area by another definition stands in `auc_other`.
    """
    names = ["auc_mean", "auc_trapezoid", "auc_other"]
    names += [f"{kind}_{ratio:.3g}" for kind in ("accuracy", "top5") for ratio in table.ratios]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["method", "protocol", "seeds", *(f"{name}{end}" for name in names for end in ("", "_std")), "source"]
    )
    for row in table.rows:
        auc_mean, auc_other = (row.auc, None) if row.auc_kind.startswith("mean") else (None, row.auc)
        values = [auc_mean, row.auc_trapezoid, auc_other]
        values += [curve.get(ratio) for curve in (row.accuracy, row.top5) for ratio in table.ratios]
        cells = [exact(number) for value in values for number in (value or (None, None))]
        writer.writerow([row.method, table.protocol, row.seeds or "", *cells, row.source])
    return text.getvalue()


def own_row(method: str, runs: Sequence[Scores], ratios: Sequence[float]) -> Row:
    """Return the row of one method: means and deviations over its seeds at the observation ratios, in per cent."""
    return Row(
        method=method,
        accuracy={ratio: summarise([run.accuracy[n] for run in runs]) for n, ratio in enumerate(ratios)},
        top5={ratio: summarise([run.top5[n] for run in runs]) for n, ratio in enumerate(ratios)},
        auc=summarise([run.auc_mean for run in runs]),
        auc_trapezoid=summarise([run.auc_trapezoid for run in runs]),
        auc_kind="mean",
        seeds=len(runs),
        source="this run, 1 seed" if len(runs) == 1 else f"this run, {len(runs)} seeds",
    )


def published_row(row: Published) -> Row:
    """Return a published row as it was printed."""
    return Row(
        method=row.method,
        accuracy={float(ratio): Summary(accuracy) for ratio, accuracy in row.accuracy.items()},
        top5={},
        auc=None if row.auc is None else Summary(row.auc),
        auc_trapezoid=None,
        auc_kind=row.auc_kind,
        seeds=0,
        source=f"published, {row.mark}: {row.source}",
    )


def _printed_ratios(table: Table) -> tuple[float, ...]:
    return PAPER_RATIOS if set(PAPER_RATIOS) <= set(table.ratios) else table.ratios


def _auc(row: Row) -> str:
    return printed(row.auc) + ("" if row.auc is None or row.auc_kind.startswith("mean") else f" {OTHER_AUC}")


def _markdown(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def latex_row(cells: Sequence[str]) -> str:
    """Return the cells as a row of a LaTeX table."""
    return " & ".join(escape_latex(cell) for cell in cells) + r" \\"


def escape_latex(text: str) -> str:
    """Return text as LaTeX prints it."""
    special = {char: f"\\{char}" for char in "&%$#_{}"}
    special |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {"±": r"$\pm$", "†": r"\textdagger{}", "–": "--"}
    return "".join(special.get(char, char) for char in text)
