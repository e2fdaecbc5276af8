"""A head and rows of cells as Markdown and as CSV, and how a number stands in them. What they say: elsewhere."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from evaluate.scoring.summary import Summary

UNKNOWN = "–"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]], names: int = 1) -> str:
    """Return a Markdown table whose first columns hold `names`, escaped and set to the left, the others numbers."""
    rule = ["---"] * names + ["---:"] * (len(head) - names)
    lines = [head, rule, *([*map(_escaped, row[:names]), *row[names:]] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def csv_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the same as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()


def printed(value: Summary | None) -> str:
    """Return a number in per cent, with its deviation over seeds if it has one."""
    if value is None:
        return UNKNOWN
    return f"{value.mean:.1f}" if value.std is None else f"{value.mean:.1f} ± {value.std:.1f}"


def exact(number: float | None) -> str:
    """Return a number for CSV; empty where it is not known."""
    return "" if number is None else f"{number:.6g}"


def _escaped(cell: str) -> str:
    return re.sub(r"([\\|*_<`])", r"\\\1", cell)
