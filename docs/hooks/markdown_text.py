"""Markdown from plain text: cells and tables, and docstrings whose equations are indented."""

import re
from collections.abc import Iterable, Sequence


def cell(text: str) -> str:
    """Return text that is safe in a table: one line, no bars, no stray emphasis."""
    return escape(" ".join(text.split())).replace("|", "\\|")


def escape(text: str) -> str:
    """Return text whose `*`, `_` and `<` are no markup; what stands between backticks stays."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*_<])", r"\\\1", part) for part in parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def docstring(text: str) -> str:
    """Return a docstring as Markdown: what is indented is an equation and becomes a block of code."""
    blocks = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if paragraph.startswith("    "):
            lines = paragraph.splitlines()
            width = min(len(line) - len(line.lstrip()) for line in lines)
            blocks.append("\n".join(["``` { .text .equation }", *(line[width:] for line in lines), "```"]))
        else:
            blocks.append(escape(paragraph))
    return "\n\n".join(blocks)
