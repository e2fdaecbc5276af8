"""A suite: the rows that make one table of the paper, or one of ours, each a recipe of its own.

Rows of one base that differ in nothing but their methods are one recipe here, so that their models share features and
teachers and are trained side by side. Nothing is run here, and no number is computed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from common.config import Config, parse_config
from common.errors import UserError
from manifests.recipes.recipe import RECIPES, Recipe, read_recipe, read_toml

TABLES = RECIPES / "suites"


class Suite(Config):
    """A table: which rows, in which order."""

    name: str = Field(pattern=r"^[\w.-]+$")
    title: str = Field(min_length=1)
    rows: list[str] = Field(min_length=1)  # recipes: names of those that come with the project, or files beside it

    @field_validator("rows")
    @classmethod
    def _each_once(cls, rows: list[str]) -> list[str]:
        if len(set(rows)) != len(rows):
            raise ValueError("a row is given twice")
        return rows


def find_suite(name: Path) -> Path | None:
    """Return the file of a suite by its name, or by its bare name for those that come with the project.

    None: there is none of that name; it may be a recipe, which has no `rows`.
    """
    if name.is_file():
        return name if "rows" in read_toml(name) else None
    shipped = TABLES / f"{name}.toml"
    return shipped if shipped.is_file() else None


def read_suite(path: Path) -> tuple[Suite, list[Recipe]]:
    """Read a suite and the recipes of its rows, in its order.

    Raises:
        UserError: not TOML, an unknown key, a row that is no recipe, rows that cannot be told apart.
    """
    suite = parse_config(Suite, read_toml(path), f"suite {path}")
    recipes = [read_recipe(Path(row), path.parent) for row in suite.rows]
    for index, recipe in enumerate(recipes):
        if recipe.name in (other.name for other in recipes[:index]):
            raise UserError(f"suite {path}: two of its rows are called {recipe.name}; give each a name of its own")
    merge_rows(recipes)
    return suite, recipes


def base_of(recipe: Recipe) -> str:
    """Return what a row's features come from: the name of its base, or its own."""
    return recipe.base or recipe.name


def merge_rows(rows: Sequence[Recipe]) -> list[Recipe]:
    """Return one recipe, named after the base, for all rows that differ in nothing but methods; see `merged_into`.

    Raises:
        UserError: rows of one base and one share of labels differ in something else; they cannot share a folder.
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
            merged.append(row.model_copy(update={"name": base_of(row), "base": None}))
    return merged


def merged_into(row: Recipe, merged: Recipe) -> bool:
    """Tell whether a row is one of those that `merge_rows` made `merged` of."""
    return base_of(row) == merged.name and _but_methods(row) == _but_methods(merged)


def _but_methods(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(exclude={"name", "base", "methods"})
