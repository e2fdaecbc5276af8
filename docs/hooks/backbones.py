"""The backbones: what they are, which files they take, and their weights."""

from markdown_text import cell, table

from extract.backbones import BACKBONES


def markdown() -> str:
    """Return a table of all backbones."""
    rows = [
        (f"`{name}`", cell(entry.title), entry.input, f"`{entry.default_weights}`" if entry.default_weights else "")
        for name, entry in BACKBONES.items()
    ]
    return table(("`backbone`", "what it is", "files", "weights that the Python API takes by default"), rows)
