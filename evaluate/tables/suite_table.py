"""A suite's table: for each row what is published, ours as mean ± std over seeds, and the difference of both.

Markdown and LaTeX have the paper's columns (20, 40, 60, 80, 100 % and AUC), CSV has every ratio. There is no difference
if the published area has another definition or the clips are not the same; a note says so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evaluate.scoring.scores import Scores, observation_ratios
from evaluate.scoring.summary import Summary
from evaluate.tables.formats import csv_table, latex_table, markdown_table, printed, printed_with_sign
from evaluate.tables.notes import kept_labels, labels_in_words
from evaluate.tables.published_table import OTHER_AUC, OTHER_AUC_NOTE
from evaluate.tables.results_frame import (
    PAPER_RATIOS,
    area,
    column,
    curve_columns,
    own_row,
    printed_ratios,
    published_row,
    summary,
    with_std,
)
from manifests.published import RATIOS, Published

CAPTION = (
    "Accuracy (%) by observation ratio; AUC is the mean over the ratios. ± is the sample standard deviation of ours "
    "over seeds, also in the differences (ours − published): published numbers have none."
)
TEXT = ("Method", "Numbers", "Source")
DIFFERENCE = "difference"


@dataclass(frozen=True, eq=False)
class Line:
    """One method of a row.

    Attributes:
        row: the name of the row's recipe.
        method: the name in tables.
        published: its published row; None: there is none.
        scores: ours, one per seed; None: it was not run.
        note: why it was not run, or why ours is not comparable with the published row; empty: it is.
    """

    row: str
    method: str
    published: Published | None
    scores: Sequence[Scores] | None
    note: str


@dataclass(frozen=True, eq=False)
class Section:
    """The lines of one base under one protocol with one share of training labels.

    Attributes:
        base: the recipe.
        protocol: data set and split.
        labels: "all" or "10%".
        caption: the notes on ours; if nothing was run, the option that is missing.
        lines: in the suite's order.
    """

    base: str
    protocol: str
    labels: str
    caption: str
    lines: tuple[Line, ...]

    @property
    def heading(self) -> str:
        """The base, the protocol and the share of labels in words."""
        return f"{self.base}: {self.protocol}, {labels_in_words(self.labels, self.labels_kept)}"

    @property
    def labels_kept(self) -> float | None:
        """The share of the training clips that kept their label, in (0, 1]; None: not known, or nothing was run."""
        return kept_labels(run for line in self.lines for run in line.scores or ())

    @property
    def ratios(self) -> tuple[float, ...]:
        """The ratios of the printed columns in per cent: the paper's, or those of ours if it has others."""
        own = next((line.scores[0] for line in self.lines if line.scores), None)
        return PAPER_RATIOS if own is None else printed_ratios(observation_ratios(own))


def suite_frame(title: str, sections: Iterable[Section]) -> pd.DataFrame:
    """Return all numbers of a suite as a DataFrame with the columns of its CSV file.

    A method has up to three rows, see `numbers`. Numbers are in per cent; each has its deviation in the column `…_std`.

    Returns:
        `table` (the title), `row` (the recipe), `base`, `protocol`, `labels`, `method`; `numbers` ("published", "ours",
        "difference"); `seeds`, `auc_kind`; `accuracy_10` … `accuracy_100`, `auc`; `source`.
    """
    names = [*curve_columns("accuracy", RATIOS), "auc"]
    rows = [
        {"table": title, "row": line.row, "base": section.base, "labels": section.labels}
        | row
        | {"protocol": section.protocol, "method": line.method, "numbers": kind}
        for section in sections
        for line in section.lines
        for kind, row in rows_of(line).items()
    ]
    head = ["table", "row", "base", "protocol", "labels", "method", "numbers", "seeds", "auc_kind"]
    frame = pd.DataFrame(rows, columns=[*head, *with_std(names), "source"])
    return frame.astype({"seeds": "Int64"} | dict.fromkeys(with_std(names), "float64"))


def rows_of(line: Line) -> dict[str, dict[str, Any]]:
    """Return the rows of a line by the kind of their numbers, in order: "published", "ours", "difference".

    A row has the columns of `results_frame`, and the area by its own definition as `auc`. Ours has no numbers if it
    was not run.
    """
    rows: dict[str, dict[str, Any]] = {}
    if line.published is not None:
        rows["published"] = published_row(line.published)
    rows["ours"] = {} if line.scores is None else own_row(line.method, line.scores)
    if line.published is not None and line.scores is not None and not line.note:
        rows[DIFFERENCE] = _difference(rows["ours"], rows["published"])
    for kind, row in rows.items():
        auc = area(row)
        row |= {"source": _source(line, kind), "auc": auc and auc.mean, "auc_std": auc and auc.std}
    return rows


def render_markdown(title: str, sections: Sequence[Section]) -> str:
    """Return the table as Markdown, one section below the other."""
    text = [f"# {title}\n\n{CAPTION}\n"]
    for section in sections:
        table = markdown_table(_cells(section), TEXT)
        text.append(f"## {section.heading}\n\n{section.caption[:1].upper()}{section.caption[1:]}.\n\n{table}")
    return "\n".join([*text, *([OTHER_AUC_NOTE + "\n"] if _has_other_auc(sections) else [])])


def render_latex(title: str, sections: Sequence[Section]) -> str:
    """Return one LaTeX `table` per section for booktabs."""
    tables = []
    for section in sections:
        note = f" {OTHER_AUC_NOTE}" if _has_other_auc([section]) else ""
        tables.append(latex_table(_cells(section), TEXT, f"{title}. {section.heading}. {CAPTION}{note}"))
    return "\n".join(tables)


def render_csv(title: str, sections: Iterable[Section]) -> str:
    """Return every number as CSV: a line for what is published, for ours, and for the difference."""
    return csv_table(suite_frame(title, sections))


def as_json(sections: Iterable[Section]) -> list[dict[str, Any]]:
    """Return the lines of all sections as plain values, in per cent."""
    return [
        {
            "row": line.row,
            "base": section.base,
            "protocol": section.protocol,
            "labels": section.labels,
            "labels_kept": section.labels_kept,
            "method": line.method,
            "note": line.note,
            **{kind: _plain(line, row) | {"source": row["source"]} for kind, row in rows_of(line).items()},
        }
        for section in sections
        for line in section.lines
    ]


def _difference(ours: Mapping[str, Any], published: Mapping[str, Any]) -> dict[str, Any]:
    """Ours minus what is published where both are known, with the deviation of ours; areas of one definition only."""
    row = {"seeds": ours["seeds"], "auc_kind": ours["auc_kind"]}
    for name in [*curve_columns("accuracy", RATIOS), "auc_mean"]:
        own, other = summary(ours, name), summary(published, name)
        if own is not None and other is not None:
            row |= {name: own.mean - other.mean, f"{name}_std": own.std}
    return row


def _cells(section: Section) -> pd.DataFrame:
    """The printed rows of a section: method (in its first row), kind of numbers, source, accuracies, AUC."""
    rows = []
    for line in section.lines:
        for index, (kind, row) in enumerate(rows_of(line).items()):
            show = printed_with_sign if kind == DIFFERENCE else printed
            cells = {"Method": line.method if index == 0 else "", "Numbers": kind, "Source": row["source"]}
            for ratio in section.ratios:
                cells[f"{ratio:.3g}%"] = show(summary(row, column("accuracy", ratio)))
            rows.append(cells | {"AUC": _area(row, show)})
    return pd.DataFrame(rows)


def _area(row: Mapping[str, Any], show: Callable[[Summary | None], str]) -> str:
    return show(area(row)) + (f" {OTHER_AUC}" if summary(row, "auc_other") else "")


def _source(line: Line, kind: str) -> str:
    """Where numbers come from, with what one must know to compare them."""
    if kind == "published" and line.published is not None:
        return f"{line.published.source}; {line.published.features}; {line.published.mark}"
    if kind == "ours":
        seeds = "" if line.scores is None else f"{len(line.scores)} seed{'s' * (len(line.scores) > 1)}"
        return "; ".join(part for part in (seeds, line.note) if part)
    return ""


def _has_other_auc(sections: Iterable[Section]) -> bool:
    return any("auc_other" in row for section in sections for line in section.lines for row in rows_of(line).values())


def _plain(line: Line, row: Mapping[str, Any]) -> dict[str, Any]:
    if "auc_kind" not in row:  # not run
        return {}
    ratios = [float(ratio) for ratio in RATIOS] if line.scores is None else observation_ratios(line.scores[0])
    curve = {f"{ratio:g}": summary(row, column("accuracy", ratio)) for ratio in sorted({*map(float, RATIOS), *ratios})}
    known = {ratio: value for ratio, value in curve.items() if value is not None}
    auc = {} if row["auc"] is None else {"auc": row["auc"], "auc_std": row["auc_std"], "auc_kind": row["auc_kind"]}
    return {
        "accuracy": {ratio: value.mean for ratio, value in known.items()},
        "accuracy_std": {ratio: value.std for ratio, value in known.items() if value.std is not None},
        **auc,
        "seeds": row.get("seeds") or 0,
    }
