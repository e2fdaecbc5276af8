"""The section of a recipe that configures a method: which names and settings are refused."""

import difflib

from common.config import Config
from common.errors import UserError
from manifests.recipes.recipe import MISSPELT, Recipe


def check_section(title: str, section: str, settings: type[Config]) -> None:
    """Refuse a section that no recipe could have.

    Args:
        title: of the method, for the message.
        section: its name in a recipe.
        settings: the model of the section. A section that all recipes have must have the same model there.

    Raises:
        UserError: the name is that of another part of the recipe or too close to one, or a key has no default.
    """
    core = Recipe.model_fields
    if section in core and core[section].annotation is not settings:
        raise UserError(
            f"method {title!r}: [{section}] has another meaning in every recipe; give the section another name"
        )
    nearest = difflib.get_close_matches(section, core, n=1, cutoff=MISSPELT)
    if section not in core and nearest:
        raise UserError(
            f"method {title!r}: a recipe with [{section}] is refused, because {section} looks like a misspelt "
            f"{nearest[0]}; give the section another name"
        )
    required = [name for name, field in settings.model_fields.items() if field.is_required()]
    if required:
        raise UserError(
            f"method {title!r}: {', '.join(required)} of [{section}] has no default, so recipes without the section "
            "could not be read; give it a default"
        )
