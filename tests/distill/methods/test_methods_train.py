"""Every method through the trainer, on few labels and mixed clips: it learns, and its own teacher fits it."""

from collections.abc import Callable

import pytest

from distill.features import FeatureSet
from distill.methods import METHODS
from distill.models import Classifier
from distill.training import Job, State, train_together
from manifests.recipes.recipe import Recipe


def network(state: State, method: str, data: FeatureSet, recipe: Recipe) -> Classifier:
    about = METHODS[method]
    trained = Classifier(about.network, data.feature_dim, about.hidden(recipe), data.num_classes)
    trained.load_state_dict({name: tensor[0] for name, tensor in state.best.items()})
    return trained.eval()


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_a_made_up_problem(method: str, data: FeatureSet, make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe(epochs=12, learning_rate=0.05, mixup=0.2)
    recipe = recipe.model_copy(update={"labels": recipe.labels.model_copy(update={"fraction": 0.5})})
    taught_by = METHODS[method].teacher
    teacher = taught_by and network(train_together([Job(taught_by, 0)], data, recipe), taught_by, data, recipe)
    state = train_together([Job(method, 0)], data, recipe, [teacher or None])
    first, best = state.histories[0][0], state.selected[0]
    assert best.validation_auc > 0.6  # chance is 1/3
    assert state.histories[0][-1].loss < first.loss
    assert {name for name in state.weights if name.startswith("own.")} == {
        f"own.{name}" for name in METHODS[method].own(1, 1)
    }
    assert not any(name.startswith("own.") for name in state.best)
