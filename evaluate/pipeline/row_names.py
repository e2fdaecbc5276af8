"""The names of rows in results tables and figures: a method's title, and the source if there are several sources."""

from collections.abc import Mapping
from typing import TypeVar

from distill.methods import METHODS

V = TypeVar("V")


def row_name(method: str, source: str = "") -> str:
    """Return the row of a method on a source, as in `With distillation, early fusion`; empty: the only source."""
    return with_source(METHODS[method].title, source)


def with_source(title: str, source: str) -> str:
    """Return a method's title with the source; see `row_name`."""
    return f"{title}, {source}" if source else title


def rows_of_method(method: str, rows: Mapping[str, V]) -> dict[str, V]:
    """Return those of the rows, by name, that belong to a method: its only row, or one row for each source."""
    title = row_name(method)
    return {name: row for name, row in rows.items() if name == title or name.startswith(f"{title}, ")}
