"""The combinations of a sweep: a recipe with every combination of some values, each resolved into a training plan."""

import json
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from common.config import key_hint, parse_config
from common.errors import UserError
from distill.training_plan import TrainingPlan, make_training_plan
from distill.whole_recipe import complete_recipe
from manifests.recipes.recipe import Recipe

NOT_TRAINED = {"name", "base", "data", "extract", "streams", "fusion"}  # keys of a recipe that no training reads
Values = Mapping[str, Any]  # what one combination changes: `distillation.alpha` → 0.5


def vary_recipe(recipe: Recipe, axes: Mapping[str, Sequence[Any]]) -> list[tuple[Values, TrainingPlan]]:
    """Return every combination of some values of a recipe, each with its training plan.

    Args:
        recipe: has all other values.
        axes: by key, as in `distillation.alpha`, the values to try.

    Raises:
        UserError: a key that no training reads, or a combination that cannot work.
    """
    recipe = complete_recipe(recipe)
    made: list[tuple[Values, TrainingPlan]] = []
    for chosen in product(*axes.values()):
        values = dict(zip(axes, chosen, strict=True))
        sections = recipe.model_dump()
        for key, value in values.items():
            *path, last = key.split(".")
            inner: Any = sections
            for name in path:
                inner = inner.get(name) if isinstance(inner, dict) else None
            if not isinstance(inner, dict) or last not in inner or key.split(".")[0] in NOT_TRAINED:
                raise UserError(f"--set {key}: no training reads such a key of a recipe{key_hint(type(recipe), key)}")
            inner[last] = value
        varied = parse_config(type(recipe), sections, f"recipe {recipe.name} with {combination_name(values)}")
        try:
            made.append((values, make_training_plan(varied)))
        except UserError as error:
            raise UserError(f"with {combination_name(values)}: {error}") from error
    return made


def combination_name(values: Values) -> str:
    """Return the name of a combination, as in `distillation.alpha=0.5, distillation.tau=1`."""
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in values.items())
