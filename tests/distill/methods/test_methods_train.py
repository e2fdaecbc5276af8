"""Every method through the trainer, on few labels and mixed clips: it learns, and its own teacher fits it."""

from collections.abc import Callable

import pytest

from distill.feature_set import FeatureSet
from distill.method import Method
from distill.methods import METHODS
from distill.models import Classifier
from distill.training import train_model
from distill.training_plan import TrainingPlan, make_training_plan
from distill.training_state import ModelId, TrainingState
from manifests.recipes.recipe import Recipe


def network(state: TrainingState, method: str, data: FeatureSet, plan: TrainingPlan) -> Classifier:
    own = plan.trained[method]
    trained = Classifier(own.method.network, data.feature_dim, own.hidden, data.num_classes)
    trained.load_state_dict({name: tensor[0] for name, tensor in state.best.items()})
    return trained.eval()


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if isinstance(method, Method)])
def test_it_learns_a_made_up_problem(method: str, data: FeatureSet, make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe(epochs=12, learning_rate=0.05, mixup=0.2)
    recipe = recipe.model_copy(update={"labels": recipe.labels.model_copy(update={"fraction": 0.5})})
    plan = make_training_plan(recipe, [method])
    taught_by = plan.trained[method].method.teacher
    teacher = taught_by and network(train_model(ModelId(taught_by, 0), plan, data), taught_by, data, plan)
    state = train_model(ModelId(method, 0), plan, data, teacher or None)
    first, best = state.histories[0][0], state.selected[0]
    assert best.validation_auc > 0.6  # chance is 1/3
    assert state.histories[0][-1].loss < first.loss
    assert {name for name in state.weights if name.startswith("own.")} == {
        f"own.{name}" for name in plan.trained[method].method.parameters(1, 1)
    }
    assert not any(name.startswith("own.") for name in state.best)
