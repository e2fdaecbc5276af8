"""The recipes and suites that come with the project, with the first sentence of each file's head."""

import re
from pathlib import Path

from markdown_text import cell, table

from manifests.recipes.recipe_files import RECIPES


def markdown() -> str:
    """Return a table of the recipes, one of the suites, one of the rows."""
    parts = []
    for heading, folder in (("Recipes", RECIPES), ("Suites", RECIPES / "suites"), ("Rows", RECIPES / "rows")):
        rows = [(f"`{path.stem}`", cell(first_sentence(path))) for path in sorted(folder.glob("*.toml"))]
        parts += [f"### {heading}", table(("name", "what it is"), rows)]
    return "\n\n".join(parts)


def first_sentence(path: Path) -> str:
    """Return the first sentence of the comment that a recipe begins with."""
    head = path.read_text(encoding="utf-8").split("\nname =")[0]
    text = " ".join(line.lstrip("# ") for line in head.splitlines())
    found = re.match(r".*?(?<!Fig)\.(?= |$)", text)
    return found[0] if found else text
