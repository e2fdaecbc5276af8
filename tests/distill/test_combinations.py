"""The combinations of a sweep: every one once, and keys and values that cannot be swept are refused."""

from collections.abc import Callable

import pytest

from common.errors import UserError
from distill.combinations import vary_recipe
from manifests.recipes.recipe import Recipe


def test_every_combination_once(make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe(epochs=2)
    made = vary_recipe(recipe, {"distillation.alpha": [0.0, 0.5], "distillation.tau": [1, 2, 3]})
    settings = [plan.trained["with"].settings for _, plan in made]
    assert [(own.alpha, own.tau) for own in settings] == [(0.0, 1), (0.0, 2), (0.0, 3), (0.5, 1), (0.5, 2), (0.5, 3)]
    assert all(plan.training == recipe.training for _, plan in made)
    with pytest.raises(UserError, match=r"--set distillation\.alhpa: no .* recipe; did you mean distillation\.alpha\?"):
        vary_recipe(recipe, {"distillation.alhpa": [1.0]})
    with pytest.raises(UserError, match=r"--set alpha: .* of a recipe; did you mean distillation\.alpha or ts_lstm"):
        vary_recipe(recipe, {"alpha": [1.0]})
    for key in ("name", "name.x", "data.protocol", "fusion", "training.epochs.x", "extract.backbone"):
        with pytest.raises(UserError, match=f"--set {key}: no training reads such a key"):
            vary_recipe(recipe, {key: ["x"]})
    with pytest.raises(UserError, match=r"recipe made-up with distillation\.tau=0: distillation\.tau: "):
        vary_recipe(recipe, {"distillation.tau": [0]})


def test_sections_of_methods_can_be_swept(make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe().model_copy(update={"methods": ["ts_lstm"]})
    made = vary_recipe(recipe, {"ts_lstm.mmd": [0.0, 1.0]})
    assert [plan.trained["ts_lstm"].settings.mmd for _, plan in made] == [0.0, 1.0]
