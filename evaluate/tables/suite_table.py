"""A suite's table: for each row what is published, ours as mean ± std over seeds, and by how much ours is above.

Markdown and LaTeX print the paper's columns (20, 40, 60, 80, 100 % and AUC), CSV every ratio. No difference is computed
where the published area has another definition, or the clips are others; a note says so. Nothing is run here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evaluate.scoring.scores import Scores, observation_ratios
from evaluate.scoring.summary import Summary
from evaluate.tables.published_table import (
    OTHER_AUC,
    OTHER_AUC_NOTE,
    PAPER_RATIOS,
    Row,
    escape_latex,
    latex_row,
    own_row,
    published_row,
)
from evaluate.tables.text_tables import UNKNOWN, csv_table, exact, markdown_table, printed
from manifests.published import RATIOS, Published

CAPTION = (
    "Accuracy (%) by observation ratio; AUC is the mean over the ratios. ± is the sample standard deviation of ours "
    "over seeds, in the differences (ours − published) too: what is published states none."
)
NAMES = ("Method", "Numbers", "Source")


@dataclass(frozen=True, eq=False)
class Line:
    """One method of a row.

    Attributes:
        row: the name of the row's recipe.
        method: the name in tables.
        published: what was printed of it; None: nothing.
        scores: ours, one a seed; None: not run.
        note: why it was not run, or why ours cannot be held against what is published; empty: it can.
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
        caption: what a reader must know of ours; where nothing was run, what to give.
        lines: in the suite's order.
    """

    base: str
    protocol: str
    labels: str
    caption: str
    lines: tuple[Line, ...]

    @property
    def heading(self) -> str:
        """Base, protocol and share of labels in words."""
        return f"{self.base}: {self.protocol}, {self.labels} of the training labels"

    @property
    def ratios(self) -> tuple[float, ...]:
        """The paper's ratios in per cent; those of ours where it has others."""
        own = next((line.scores[0] for line in self.lines if line.scores), None)
        there = set(PAPER_RATIOS) if own is None else set(observation_ratios(own))
        return PAPER_RATIOS if own is None or set(PAPER_RATIOS) <= there else observation_ratios(own)


def rows_of(line: Line) -> dict[str, Row | None]:
    """Return the numbers of a line by their kind, in order: "published", "ours" (None: not run), "difference"."""
    rows: dict[str, Row | None] = {}
    published = None if line.published is None else published_row(line.published)
    if published is not None:
        rows["published"] = published
    ours = None if line.scores is None else own_row(line.method, line.scores, observation_ratios(line.scores[0]))
    rows["ours"] = ours
    if published is not None and ours is not None and not line.note:
        rows["difference"] = _difference(ours, published)
    return rows


def render_markdown(title: str, sections: Sequence[Section]) -> str:
    """Return the table as Markdown, one section below the other."""
    text = [f"# {title}\n\n{CAPTION}\n"]
    for section in sections:
        head = [*NAMES, *(f"{ratio:.3g}%" for ratio in section.ratios), "AUC"]
        table = markdown_table(head, _cells(section), names=len(NAMES))
        text.append(f"## {section.heading}\n\n{section.caption[:1].upper()}{section.caption[1:]}.\n\n{table}")
    return "\n".join([*text, *([OTHER_AUC_NOTE + "\n"] if _has_other_auc(sections) else [])])


def render_latex(title: str, sections: Sequence[Section]) -> str:
    """Return the table as a LaTeX `table` for booktabs; sections have headings across, as in the paper."""
    columns = sections[0].ratios
    heads = [*NAMES, *(f"{ratio:.3g}%" for ratio in columns), "AUC"]
    body = []
    for section in sections:
        body += [r"\midrule", rf"\multicolumn{{{len(heads)}}}{{c}}{{{escape_latex(section.heading)}}} \\", r"\midrule"]
        body += [latex_row(cells) for cells in _cells(section, columns)]
    note = " " + OTHER_AUC_NOTE if _has_other_auc(sections) else ""
    lines = [
        r"\begin{table}",
        rf"\caption{{{escape_latex(f'{title}. {CAPTION}{note}')}}}",
        rf"\begin{{tabular}}{{{'l' * len(NAMES)}{'r' * (len(columns) + 1)}}}",
        r"\toprule",
        latex_row(heads),
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def render_csv(title: str, sections: Sequence[Section]) -> str:
    """Return every number as CSV, in per cent: a line for what is published, for ours, and for the difference."""
    ratios = [float(ratio) for ratio in RATIOS]
    names = [*(f"accuracy_{ratio:.3g}" for ratio in ratios), "auc"]
    head = ["table", "row", "base", "protocol", "labels", "method", "numbers", "seeds", "auc_kind"]
    rows = []
    for section in sections:
        for line in section.lines:
            for kind, row in rows_of(line).items():
                values = [*map(row.accuracy.get, ratios), row.auc] if row else [None] * len(names)
                about = [title, line.row, section.base, section.protocol, section.labels, line.method, kind]
                about += [str(row.seeds or ""), row.auc_kind] if row else ["", ""]
                cells = [exact(number) for value in values for number in (value or (None, None))]
                rows.append([*about, *cells, _source(line, kind)])
    return csv_table([*head, *(f"{name}{end}" for name in names for end in ("", "_std")), "source"], rows)


def as_json(sections: Iterable[Section]) -> list[dict[str, Any]]:
    """Return the lines of all sections as plain values, in per cent."""
    return [
        {
            "row": line.row,
            "base": section.base,
            "protocol": section.protocol,
            "labels": section.labels,
            "method": line.method,
            "note": line.note,
            **{kind: _plain(row) | {"source": _source(line, kind)} for kind, row in rows_of(line).items()},
        }
        for section in sections
        for line in section.lines
    ]


def _difference(ours: Row, published: Row) -> Row:
    """Ours minus what is published where both are known, with the spread of ours; areas of one definition only."""

    def above(own: Summary, other: Summary) -> Summary:
        return Summary(own.mean - other.mean, own.std)

    known = [ratio for ratio in published.accuracy if ratio in ours.accuracy]
    auc = None
    if ours.auc is not None and published.auc is not None and published.auc_kind.startswith("mean"):
        auc = above(ours.auc, published.auc)
    return replace(
        ours,
        accuracy={ratio: above(ours.accuracy[ratio], published.accuracy[ratio]) for ratio in known},
        top5={},
        auc=auc,
        auc_trapezoid=None,
    )


def _cells(section: Section, ratios: Sequence[float] | None = None) -> Iterator[list[str]]:
    """The rows of a section: method (where it is new), kind of numbers, source, accuracies, AUC."""
    for line in section.lines:
        for index, (kind, row) in enumerate(rows_of(line).items()):
            show = _signed if kind == "difference" else printed
            curve = [show(row.accuracy.get(ratio) if row else None) for ratio in ratios or section.ratios]
            yield [line.method if index == 0 else "", kind, _source(line, kind), *curve, _area(row, show)]


def _area(row: Row | None, show: Callable[[Summary | None], str]) -> str:
    text = show(row.auc if row else None)
    other = row is not None and row.auc is not None and not row.auc_kind.startswith("mean")
    return f"{text} {OTHER_AUC}" if other else text


def _signed(value: Summary | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value.mean:+.1f}" if value.std is None else f"{value.mean:+.1f} ± {value.std:.1f}"


def _source(line: Line, kind: str) -> str:
    """Where numbers come from, with what one must know to hold them against each other."""
    if kind == "published" and line.published is not None:
        return f"{line.published.source}; {line.published.features}; {line.published.mark}"
    if kind == "ours":
        seeds = "" if line.scores is None else f"{len(line.scores)} seed{'s' * (len(line.scores) > 1)}"
        return "; ".join(part for part in (seeds, line.note) if part)
    return ""


def _has_other_auc(sections: Iterable[Section]) -> bool:
    published = [line.published for section in sections for line in section.lines]
    return any(row is not None and row.auc is not None and not row.auc_kind.startswith("mean") for row in published)


def _plain(row: Row | None) -> dict[str, Any]:
    if row is None:
        return {}
    curve = {f"{ratio:g}": value.mean for ratio, value in row.accuracy.items()}
    spread = {f"{ratio:g}": value.std for ratio, value in row.accuracy.items() if value.std is not None}
    auc = {} if row.auc is None else {"auc": row.auc.mean, "auc_std": row.auc.std, "auc_kind": row.auc_kind}
    return {"accuracy": curve, "accuracy_std": spread, **auc, "seeds": row.seeds}
