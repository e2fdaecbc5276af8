"""A suite: several recipes whose rows make one table of the paper, or one of ours.

Rows of one base that differ in their methods only are merged into one recipe. So their models share features and
teachers, and are trained side by side.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from common.config import Config, parse_config
from common.errors import UserError
from manifests.recipes.recipe import Recipe, read_recipe
from manifests.recipes.recipe_files import RECIPES, read_toml

SUITES = RECIPES / "suites"


class Suite(Config):
    """The rows of a results table, in their order."""

    name: str = Field(pattern=r"^[\w.-]+$")
    title: str = Field(min_length=1)
    rows: list[str] = Field(min_length=1)  # recipes: names of those of the project, or files beside the suite

    @field_validator("rows")
    @classmethod
    def _each_once(cls, rows: list[str]) -> list[str]:
        if len(set(rows)) != len(rows):
            raise ValueError("a row is given twice")
        return rows


def find_suite(name: Path) -> Path | None:
    """Return the file of a suite. None: there is no such suite; it may be a recipe, which has no `rows`.

    Args:
        name: a file, or the name of a suite that comes with the project.
    """
    if name.is_file():
        return name if "rows" in read_toml(name) else None
    shipped = SUITES / f"{name}.toml"
    return shipped if shipped.is_file() else None


def read_suite(path: Path) -> tuple[Suite, list[Recipe]]:
    """Read a suite and the recipes of its rows.

    Raises:
        UserError: the file is not TOML, a key is unknown, a row is no recipe, or two rows have one name.
    """
    suite = parse_config(Suite, read_toml(path), f"suite {path}")
    recipes = [read_recipe(Path(row), path.parent) for row in suite.rows]
    for index, recipe in enumerate(recipes):
        if recipe.name in (other.name for other in recipes[:index]):
            raise UserError(f"suite {path}: two of its rows are called {recipe.name}; give each a name of its own")
    merge_rows(recipes)
    return suite, recipes


def base_of(recipe: Recipe) -> str:
    """Return the name of a row's base, which has its features, or the row's own name if it has no base."""
    return recipe.base or recipe.name


def merge_rows(rows: Sequence[Recipe]) -> list[Recipe]:
    """Return one recipe for all rows of one base that differ in their methods only. It has the name of the base.

    Raises:
        UserError: rows of one base and one share of labels differ in something else, so they cannot share a folder.
    """
    merged: list[Recipe] = []
    for row in rows:
        for index, other in enumerate(merged):
            if merged_into(row, other):
                methods = [method for method in row.methods if method not in other.methods]
                merged[index] = other.model_copy(update={"methods": [*other.methods, *methods]})
                break
            if other.name == base_of(row) and other.labels.fraction == row.labels.fraction:
                ours, theirs = _but_methods(row), _but_methods(other)
                keys = ", ".join(key for key in (ours | theirs) if ours.get(key) != theirs.get(key))
                raise UserError(
                    f"row {row.name} differs from another row of {other.name} in {keys}, and they would share a folder "
                    "of runs; give it a base of its own, or put it into a suite of its own"
                )
        else:
            # A suite has a row of its own for few labels, so a second training would be shown nowhere.
            merged.append(row.model_copy(update={"name": base_of(row), "base": None, "few_labels": None}))
    return merged


def merged_into(row: Recipe, merged: Recipe) -> bool:
    """Return whether a row is one of those that `merge_rows` merged into `merged`."""
    return base_of(row) == merged.name and _but_methods(row) == _but_methods(merged)


def _but_methods(recipe: Recipe) -> dict[str, Any]:
    files = {"data.manifest": recipe.data.manifest, "data.videos": recipe.data.videos}  # a dump leaves them out
    return recipe.model_dump(exclude={"name", "base", "methods", "few_labels"}) | files
