"""The losses of a batch: what a method's loss may return, and which weight of L_cls it gets."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from common.errors import UserError
from distill.feature_set import FeatureSet
from distill.losses import Losses, classification_loss
from distill.method import LossInputs
from distill.methods import METHODS
from distill.methods.without_distillation import WITHOUT
from distill.models import Outputs
from distill.side_by_side import train_together
from distill.training import train_model
from distill.training_plan import make_training_plan
from distill.training_state import ModelId
from manifests.recipes.recipe import Recipe

Loss = Callable[[Outputs, LossInputs, Any], Any]


def of_clips(outputs: Outputs, inputs: LossInputs) -> Tensor:
    """The cross-entropy of each model (M,)."""
    return classification_loss(outputs.logits, inputs.labels)


def train(loss: Loss, data: FeatureSet, recipe: Recipe, patch: pytest.MonkeyPatch, unlabelled: bool = False) -> None:
    """Train two models with this loss for an epoch."""
    patch.setitem(METHODS, "mine", replace(WITHOUT, title="Mine", loss=loss, unlabelled=unlabelled))
    plan = make_training_plan(recipe, ["mine"])
    train_together([ModelId("mine", 0), ModelId("mine", 1)], plan, data)


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (lambda o, i, s: of_clips(o, i), "method 'mine': its loss returns Tensor; return `Losses"),
        (lambda o, i, s: None, "its loss returns NoneType"),
        (lambda o, i, s: Losses(of_clips(o, i).sum(), {}), r"its total loss has the shape \(\); it must have \(2,\)"),
        (
            lambda o, i, s: Losses(of_clips(o, i), {"focal": o.logits.mean((-2, -1))}),
            r"method 'mine': its term 'focal' has the shape \(2, 8\); it must have \(2,\), one number for each model",
        ),
        (lambda o, i, s: Losses(of_clips(o, i), {"focal": 1.0}), "its term 'focal' is of type float; return a tensor"),
        (lambda o, i, s: Losses(of_clips(o, i), {"loss": of_clips(o, i)}), "a term cannot be called 'loss'"),
    ],
)
def test_a_loss_of_another_form_is_refused(
    loss: Loss, sentence: str, data: FeatureSet, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=sentence):
        train(loss, data, recipe, monkeypatch)


def test_the_weight_of_the_classification_is_for_methods_that_learn_without_labels(
    data: FeatureSet, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings of other methods do not have it, so their loss must not depend on it."""
    labels = recipe.labels.model_copy(update={"classification_weight": 0.25})
    recipe = recipe.model_copy(update={"labels": labels})
    for unlabelled, weight in ((True, 0.25), (False, 1.0)):
        seen = set()

        def loss(outputs: Outputs, inputs: LossInputs, settings: None, seen: set[float] = seen) -> Losses:
            seen.add(inputs.classification_weight)
            return Losses(of_clips(outputs, inputs), {})

        train(loss, data, recipe, monkeypatch, unlabelled)
        assert seen == {weight}


def test_terms_are_means_over_the_clips_of_an_epoch(
    data: FeatureSet, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loss(outputs: Outputs, inputs: LossInputs, settings: None) -> Losses:
        return Losses(of_clips(outputs, inputs), {"clips": torch.full((1,), float(inputs.labels.shape[1]))})

    monkeypatch.setitem(METHODS, "mine", replace(WITHOUT, title="Mine", loss=loss))
    (history,) = train_model(ModelId("mine", 0), make_training_plan(recipe, ["mine"]), data).histories
    assert history[0].terms == {"clips": pytest.approx((8 * 8 * 3 + 6 * 6) / 30)}  # batches of 8, 8, 8 and 6 clips
