"""Whole recipes: the names of their methods and the sections of single methods are checked too.

A recipe is read in `manifests`, which does not know the methods. This is the part that needs them.
"""

from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict, create_model

from common.config import parse_config
from common.errors import UserError
from distill.methods import METHODS, find_method
from manifests.recipes.recipe import Recipe, read_recipe


def read_whole_recipe(path: Path) -> Recipe:
    """Read a recipe and check the names and sections of its methods too. Errors name the file.

    Args:
        path: a file, or the name of a recipe that comes with the project.

    Raises:
        UserError: see `read_recipe` and `complete_recipe`.
    """
    recipe = read_recipe(path)
    complete_recipe(recipe, path)
    return recipe


def complete_recipe(recipe: Recipe, source: Path | None = None) -> Recipe:
    """Return a recipe in which the sections of all methods are checked and have their defaults.

    Args:
        recipe: as `read_recipe` returns it.
        source: its file, for messages; None: they give its name.

    Raises:
        UserError: a method, a section or a key is unknown (with the nearest name), or a value is out of range.
    """
    named = f"recipe {source or recipe.name}"
    whole = parse_config(complete_recipe_model(), recipe.model_dump(), named)
    for index, name in enumerate(whole.methods):
        try:
            find_method(name)
        except UserError as error:
            raise UserError(f"{named}: methods.{index}: {error}") from error
    return whole


class _ClosedRecipe(Recipe):
    """A recipe that refuses unknown sections."""

    model_config = ConfigDict(extra="forbid")
    where_others_belong: ClassVar[str] = ""


def complete_recipe_model() -> type[Recipe]:
    """Return the model of a recipe that has the sections of all methods as fields."""
    sections = {entry.section: entry.settings for entry in METHODS.values() if entry.section and entry.settings}
    own: dict[str, Any] = {
        name: (settings, settings()) for name, settings in sections.items() if name not in Recipe.model_fields
    }
    model: type[Recipe] = create_model("CompleteRecipe", __base__=_ClosedRecipe, **own)
    return model
