"""Every method: how a recipe names it, what it is made of, and its equations from its file."""

import inspect
import sys
from typing import Any

from markdown_text import cell, docstring, table

from distill.methods import METHODS

NETWORKS = {
    "gru": "GRU",
    "bigru": "BiGRU",
    "lstm": "LSTM",
    "bilstm": "BiLSTM",
    "cumulative_mean": "mean of the segments so far, and one linear layer",
}


def markdown() -> str:
    """Return a section for each file of a method, with a table of the methods in it."""
    by_file: dict[str, list[str]] = {}
    for name, entry in METHODS.items():
        by_file.setdefault(file_of(entry), []).append(name)
    parts = []
    for module, names in by_file.items():
        entries = [METHODS[name] for name in names]
        text = inspect.getdoc(sys.modules[module]) or ""
        parts += [
            "### " + ", ".join(cell(entry.title) for entry in entries),
            docstring(text),
            table(
                ("name in a recipe", "network", "teacher", "learns from clips without a label", "settings"),
                [row(name, entry) for name, entry in zip(names, entries, strict=True)],
            ),
            f"Source: `{module.replace('.', '/')}.py`",
        ]
    return "\n\n".join(parts)


def names_markdown() -> str:
    """Return the table of all names."""
    rows = [(f"`{name}`", cell(entry.title)) for name, entry in METHODS.items()]
    return table(("name in a recipe", "title in tables and figures"), rows)


def row(name: str, entry: Any) -> tuple[str, str, str, str, str]:
    """Return what a method is made of."""
    network = getattr(entry, "network", None)
    teacher = getattr(entry, "teacher", None)
    return (
        f"`{name}`",
        NETWORKS[network] if network else "none: solved in one step",
        f"`{teacher}`" if teacher else "none",
        "yes" if getattr(entry, "unlabelled", False) else "no",
        f"`[{entry.section}]`" if entry.section else "none",
    )


def file_of(entry: Any) -> str:
    """Return the module that defines a method's entry."""
    return next(
        name
        for name, module in sys.modules.items()
        if name.startswith("distill.methods.") and any(value is entry for value in vars(module).values())
    )
