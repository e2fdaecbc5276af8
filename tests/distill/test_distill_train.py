"""Training: what it learns, selects, repeats bit for bit, and never reads."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from distill.features import FeatureSet, load_features
from distill.models import Student, Teacher, predict_probabilities
from distill.train import Epoch, State, train_student, train_teacher
from extract.cache import Cache
from manifests.errors import UserError
from manifests.recipe import Recipe
from manifests.schema import Manifest

MakeRecipe = Callable[..., Recipe]


def same_bits(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def teacher(data: FeatureSet, recipe: Recipe) -> Teacher:
    model = Teacher(data.feature_dim, recipe.teacher.hidden, data.num_classes, 0.2, 0.2)
    model.load_state_dict(train_teacher(data, recipe, 0).best)
    return model


def test_overfits_a_separable_problem(data: FeatureSet, make_recipe: MakeRecipe, teacher: Teacher) -> None:
    clean = {
        name: replace(split, features=torch.eye(6)[split.labels][:, None].repeat(1, 5, 1))
        for name, split in data.splits.items()
    }
    recipe = make_recipe(epochs=60, learning_rate=0.1, input_dropout=0.0, output_dropout=0.0)
    easy = replace(data, splits=clean)
    for state in (train_teacher(easy, recipe, 0), train_student(easy, recipe, 0, None)):
        assert state.selected.validation_auc == 1
        assert state.history[-1].loss < 0.1 < state.history[0].loss
    distilled = train_student(easy, recipe, 0, recipe.distillation, teacher)
    assert distilled.selected.validation_auc == 1


def test_same_seed_same_bits_other_seed_other_bits(data: FeatureSet, recipe: Recipe, teacher: Teacher) -> None:
    first = train_student(data, recipe, 3, recipe.distillation, teacher)
    torch.manual_seed(12345)  # the caller's stream of random numbers is neither read …
    before = torch.random.get_rng_state()
    again = train_student(data, recipe, 3, recipe.distillation, teacher)
    assert torch.equal(before, torch.random.get_rng_state())  # … nor moved
    assert same_bits(first.weights, again.weights)
    assert same_bits(first.best, again.best)
    assert first.history == again.history
    assert not same_bits(first.weights, train_student(data, recipe, 4, recipe.distillation, teacher).weights)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("done", [1, 4, 6])
def test_going_on_from_any_epoch_changes_no_bit(
    data: FeatureSet, make_recipe: MakeRecipe, momentum: float, done: int
) -> None:
    recipe = make_recipe(momentum=momentum)
    states: list[State] = []
    whole = train_teacher(data, recipe, 0, after_epoch=states.append)
    kept = {name: tensor.clone() for name, tensor in states[done - 1].momentum.items()}
    resumed = train_teacher(data, recipe, 0, resume=states[done - 1])
    assert resumed.history == whole.history
    assert same_bits(resumed.weights, whole.weights)
    assert same_bits(resumed.momentum, whole.momentum)
    assert same_bits(resumed.best, whole.best)
    assert same_bits(states[done - 1].momentum, kept)  # a state is not changed by going on from it


def test_variants_start_equal_and_see_equal_batches(
    data: FeatureSet, make_recipe: MakeRecipe, teacher: Teacher
) -> None:
    standstill = make_recipe(learning_rate=1e-30)
    without = train_student(data, standstill, 0, None)
    with_distillation = train_student(data, standstill, 0, standstill.distillation, teacher)
    assert same_bits(without.weights, with_distillation.weights)
    # Equal losses under dropout, in each epoch: equal batches in equal order.
    assert [e.classification for e in without.history] == [e.classification for e in with_distillation.history]
    assert len({epoch.classification for epoch in without.history}) == 6  # and other ones in each epoch
    assert without.history[0].loss < with_distillation.history[0].loss


def test_without_distillation_is_alpha_and_beta_zero(data: FeatureSet, recipe: Recipe, teacher: Teacher) -> None:
    zero = recipe.distillation.model_copy(update={"alpha": 0.0, "beta": 0.0})
    without = train_student(data, recipe, 0, None)
    assert same_bits(without.weights, train_student(data, recipe, 0, zero, teacher).weights)
    assert not same_bits(without.weights, train_student(data, recipe, 0, recipe.distillation, teacher).weights)
    only_self = recipe.distillation.model_copy(update={"alpha": 0.0})
    assert not same_bits(without.weights, train_student(data, recipe, 0, only_self).weights)


def test_terms_add_up_to_the_loss(data: FeatureSet, recipe: Recipe, teacher: Teacher) -> None:
    for epoch in train_student(data, recipe, 0, recipe.distillation, teacher).history:
        total = epoch.classification + 0.5 * epoch.teacher_student + 0.5 * epoch.self_distillation
        assert epoch.loss == pytest.approx(total, rel=1e-6)
        assert min(epoch.teacher_student, epoch.self_distillation) > 0


def test_teacher_stays_as_it_is(data: FeatureSet, recipe: Recipe, teacher: Teacher) -> None:
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    train_student(data, recipe, 0, recipe.distillation, teacher)
    assert same_bits(before, teacher.state_dict())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_nothing_of_the_test_split_reaches_the_weights(cache: Cache, manifest: Manifest, recipe: Recipe) -> None:
    weights = train_student(load_features(cache, manifest), recipe, 0, None).weights

    def corrupted(split: str) -> Mapping[str, Tensor]:
        clips, features = manifest.clips.copy(), cache.features.copy()
        clips.loc[clips["split"] == split, "label"] = 2
        features[[clip.startswith(split) for clip in cache.clip_id]] = 1e6
        return train_student(
            load_features(replace(cache, features=features), replace(manifest, clips=clips)), recipe, 0, None
        ).weights

    assert same_bits(weights, corrupted("test"))
    assert not same_bits(weights, corrupted("train"))  # the same corruption does show where it may


def epoch_with(number: int, auc: float, loss: float) -> Epoch:
    return Epoch(number, 0.0, 0.0, 0.0, 0.0, loss, auc, (auc,))


def test_selection_rule() -> None:
    scores = [(0.5, 1.0), (0.7, 2.0), (0.7, 1.5), (0.7, 1.5), (0.6, 0.1)]
    history = tuple(epoch_with(number, *score) for number, score in enumerate(scores, start=1))
    assert State(history, {}, {}, {}).selected.epoch == 3


def test_best_weights_are_those_of_the_selected_epoch(data: FeatureSet, make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(epochs=12, learning_rate=0.3)
    states: list[State] = []
    state = train_student(data, recipe, 1, None, after_epoch=states.append)
    selected = state.selected
    assert 1 < selected.epoch < 12  # else this test could not tell the best from the first or the last
    assert same_bits(state.best, states[selected.epoch - 1].weights)
    assert not same_bits(state.best, state.weights)

    student = Student(data.feature_dim, recipe.student.hidden, data.num_classes)
    student.load_state_dict(state.best)
    validation = data.splits["validation"]
    probabilities = predict_probabilities(student, validation.features)
    labels = validation.labels.numpy()
    accuracy = (probabilities.argmax(-1) == labels[:, None]).mean(0)
    np.testing.assert_allclose(selected.validation_accuracy, accuracy)
    assert selected.validation_auc == pytest.approx(accuracy.mean())
    of_label = np.take_along_axis(probabilities, labels[:, None, None], axis=2)
    assert selected.validation_loss == pytest.approx(-np.log(of_label).mean(), rel=1e-5)


def test_sgd_is_the_one_of_the_recipe(data: FeatureSet, make_recipe: MakeRecipe) -> None:
    """One step on one batch of all clips, against the rule by hand: clip, decay, momentum."""
    values = {"epochs": 2, "batch_size": 30, "input_dropout": 0.0, "output_dropout": 0.0}
    recipe = make_recipe(**values, learning_rate=0.05, momentum=0.8, weight_decay=0.01, gradient_clip=0.1)
    states: list[State] = []
    train_student(data, recipe, 0, None, after_epoch=states.append)
    one, two = states
    student = Student(data.feature_dim, recipe.student.hidden, data.num_classes)
    student.load_state_dict(one.weights)
    train = data.splits["train"]
    logits = student(train.features)
    loss = -logits.log_softmax(-1)[torch.arange(30), :, train.labels].mean()
    gradients = torch.autograd.grad(loss, list(student.parameters()))
    norm = math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients))
    assert norm > 0.1  # the clip is at work
    for (name, weight), gradient in zip(student.named_parameters(), gradients, strict=True):
        velocity = 0.8 * one.momentum[name] + gradient * 0.1 / norm + 0.01 * weight
        torch.testing.assert_close(two.weights[name], (weight - 0.05 * velocity).detach(), rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_not_finite_is_refused(data: FeatureSet, recipe: Recipe) -> None:
    train = data.splits["train"]
    broken = replace(data, splits={**data.splits, "train": replace(train, features=train.features * math.nan)})
    with pytest.raises(UserError, match=r"epoch 1 is nan; lower training\.learning_rate"):
        train_student(broken, recipe, 0, None)
