"""A DataFrame as CSV, Markdown and LaTeX, through pandas, and how a number in per cent is printed.

Escaping is our own: pandas and tabulate do not escape Markdown. pandas escapes the cells of a LaTeX table, but neither
its caption nor the characters ±, † and –.
"""

import re
from collections.abc import Iterable

import pandas as pd

from evaluate.scoring.summary import Summary

UNKNOWN = "–"
_LATEX = {char: f"\\{char}" for char in "&%$#_{}"}
_LATEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_LATEX |= {"±": r"$\pm$", "†": r"\textdagger{}", "–": "--"}


def csv_table(frame: pd.DataFrame) -> str:
    """Return a frame as CSV. Numbers have six significant digits. An unknown number is an empty cell."""
    return str(frame.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def left_aligned(cells: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return cells (strings) whose column and its head are aligned to the left when pandas prints them."""
    width = max(map(len, [column, *cells[column]]))
    return cells.assign(**{column: cells[column].str.ljust(width)}).rename(columns={column: column.ljust(width)})


def markdown_table(cells: pd.DataFrame, text_columns: Iterable[str]) -> str:
    """Return cells (strings) as a Markdown table.

    Args:
        cells: the frame; its column names are the head.
        text_columns: the columns that are escaped and aligned to the left. The others hold numbers.
    """
    names = list(text_columns)
    escaped = cells.assign(**{name: cells[name].map(escape_markdown) for name in names})
    sides = ["left" if name in names else "right" for name in cells.columns]
    # tabulate would parse "1e5" and "12" as numbers and print them in another way.
    return escaped.to_markdown(index=False, colalign=sides, disable_numparse=True) + "\n"


def latex_table(cells: pd.DataFrame, text_columns: Iterable[str], caption: str, rule_after: int = 0) -> str:
    """Return cells (strings) as a LaTeX `table` for the package booktabs.

    Args:
        cells: the frame; its column names are the head.
        text_columns: the columns that are aligned to the left. The others hold numbers.
        caption: plain text.
        rule_after: the number of rows above an additional rule; 0: there is none.
    """
    names = set(text_columns)
    text = cells.map(escape_latex).to_latex(
        index=False,
        escape=False,
        header=[escape_latex(name) for name in cells.columns],
        column_format="".join("l" if name in names else "r" for name in cells.columns),
        caption=escape_latex(caption),
    )
    if not 0 < rule_after < len(cells):
        return text
    # pandas draws a rule between rows only for levels of an index, which it would print as a column of its own.
    lines = text.splitlines()
    lines.insert(lines.index(r"\midrule") + 1 + rule_after, r"\midrule")
    return "\n".join(lines) + "\n"


def printed(value: Summary | None) -> str:
    """Return a number in per cent, with its standard deviation over seeds if it has one."""
    if value is None:
        return UNKNOWN
    return f"{value.mean:.1f}" if value.std is None else f"{value.mean:.1f} ± {value.std:.1f}"


def printed_with_sign(value: Summary | None) -> str:
    """Return a difference in points with its sign, and its standard deviation over seeds if it has one."""
    if value is None:
        return UNKNOWN
    return f"{value.mean:+.1f}" if value.std is None else f"{value.mean:+.1f} ± {value.std:.1f}"


def escape_markdown(text: str) -> str:
    """Return plain text as Markdown: names that users chose must not break a table or become markup."""
    return re.sub(r"([\\|*_<`])", r"\\\1", text)


def escape_latex(text: str) -> str:
    """Return plain text as LaTeX."""
    return "".join(_LATEX.get(char, char) for char in text)
