"""Which package imports from which: counted in the source files."""

import ast
from pathlib import Path

from markdown_text import table

PACKAGES = ("common", "manifests", "extract", "distill", "evaluate")
ROOT = Path(__file__).parent.parent.parent


def markdown() -> str:
    """Return a table: for each package, how many of its files import from each package to its left."""
    rows = []
    for package in PACKAGES:
        files = [imported(path) for path in sorted((ROOT / package).rglob("*.py"))]
        counts = [sum(other in names for names in files) for other in PACKAGES]
        cells = ["" if other == package else str(count or "–") for other, count in zip(PACKAGES, counts, strict=True)]
        rows.append((f"**{package}**", str(len(files)), *cells))
    return table(("files of", "there are", *(f"import {name}" for name in PACKAGES)), rows)


def imported(path: Path) -> set[str]:
    """Return the packages that a file imports from, inside functions too."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return {name.split(".")[0] for name in names}
