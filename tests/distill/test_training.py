"""Training: what it learns, selects, repeats bit for bit, and never reads."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from common.errors import UserError
from distill.feature_set import FeatureSet, make_feature_set
from distill.label_fraction import labelled_clips
from distill.models import Classifier, predict_probabilities
from distill.side_by_side import train_together
from distill.training import train_model
from distill.training_plan import TrainingPlan, make_training_plan
from distill.training_state import EpochResult, ModelId, TrainingState
from extract.cache import Cache
from manifests.manifest import Manifest
from manifests.recipes.recipe import Recipe
from manifests.recipes.training import Labels

MakePlan = Callable[..., TrainingPlan]


def same_bits(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def train_one(
    data: FeatureSet, plan: TrainingPlan, method: str = "without", seed: int = 0, teacher: Classifier | None = None
) -> TrainingState:
    return train_model(ModelId(method, seed), plan, data, teacher)


def network(state: TrainingState, method: str, data: FeatureSet, plan: TrainingPlan, row: int = 0) -> Classifier:
    own = plan.trained[method]
    model = Classifier(own.method.network, data.feature_dim, own.hidden, data.num_classes)
    model.load_state_dict({name: tensor[row] for name, tensor in state.best.items()})
    return model


def snapshots(jobs: list[ModelId], data: FeatureSet, plan: TrainingPlan) -> list[TrainingState]:
    """Copies of the state after each epoch."""
    states: list[TrainingState] = []
    train_together(jobs, plan, data, after_epoch=lambda state: states.append(copied(state)))
    return states


def copied(state: TrainingState) -> TrainingState:
    return state.of_models(range(len(state.histories)))


@pytest.fixture
def teacher(data: FeatureSet, plan: TrainingPlan) -> Classifier:
    return network(train_one(data, plan, "teacher"), "teacher", data, plan)


def test_overfits_a_separable_problem(data: FeatureSet, make_plan: MakePlan, teacher: Classifier) -> None:
    clean = {
        name: replace(split, features=torch.eye(6)[split.labels][:, None].repeat(1, 5, 1))
        for name, split in data.splits.items()
    }
    plan = make_plan(epochs=60, learning_rate=0.1, input_dropout=0.0, output_dropout=0.0)
    easy = replace(data, splits=clean)
    for method in ("teacher", "without"):
        state = train_one(easy, plan, method)
        assert state.selected[0].validation_auc == 1
        assert state.histories[0][-1].loss < 0.1 < state.histories[0][0].loss
    distilled = train_one(easy, plan, "with", teacher=teacher)
    assert distilled.selected[0].validation_auc == 1


def test_same_seed_same_bits_other_seed_other_bits(data: FeatureSet, plan: TrainingPlan, teacher: Classifier) -> None:
    first = train_one(data, plan, "with", 3, teacher)
    torch.manual_seed(12345)  # the caller's stream of random numbers is neither read …
    before = torch.random.get_rng_state()
    again = train_one(data, plan, "with", 3, teacher)
    assert torch.equal(before, torch.random.get_rng_state())  # … nor moved
    assert same_bits(first.weights, again.weights)
    assert same_bits(first.best, again.best)
    assert first.histories == again.histories
    assert not same_bits(first.weights, train_one(data, plan, "with", 4, teacher).weights)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("done", [1, 4, 6])
def test_going_on_from_any_epoch_changes_no_bit(
    data: FeatureSet, make_plan: MakePlan, momentum: float, done: int
) -> None:
    plan = make_plan(momentum=momentum)
    jobs = [ModelId("teacher", 0), ModelId("teacher", 1)]
    states = snapshots(jobs, data, plan)
    whole = states[-1]
    kept = copied(states[done - 1])
    resumed = train_together(jobs, plan, data, resume=states[done - 1])
    assert resumed.histories == whole.histories
    assert same_bits(resumed.weights, whole.weights)
    assert same_bits(resumed.momentum, whole.momentum)
    assert same_bits(resumed.best, whole.best)
    assert same_bits(states[done - 1].momentum, kept.momentum)  # a state is not changed by going on from it
    assert same_bits(states[done - 1].weights, kept.weights)


@pytest.mark.parametrize("mixup", [0.0, 0.5])
@pytest.mark.parametrize("fraction", [0.3, 1.0])
def test_together_is_one_by_one(
    data: FeatureSet, make_plan: MakePlan, teacher: Classifier, fraction: float, mixup: float
) -> None:
    """Seeds and methods in one stack, dropout, noise, mixed clips and all, against each of them alone."""
    plan = make_plan(learning_rate=0.05, mixup=mixup, feature_noise=mixup, standardize=mixup > 0)
    plan = replace(plan, labels=Labels(fraction=fraction, rows_per_batch=3))
    other_teacher = network(train_one(data, plan, "teacher", 9), "teacher", data, plan)
    methods = ("without", "with", "self_distillation", "teacher_student", "whole_clip")
    jobs = [ModelId(method, seed) for method in methods for seed in (0, 1)]
    taught_by = {0: teacher, 1: other_teacher}
    teachers = [taught_by[job.seed] if plan.trained[job.method].method.teacher else None for job in jobs]
    together = train_together(jobs, plan, data, teachers)
    for row, (job, own) in enumerate(zip(jobs, teachers, strict=True)):
        alone = train_one(data, plan, job.method, job.seed, own)
        for name, tensor in alone.weights.items():
            torch.testing.assert_close(together.weights[name][row], tensor[0], rtol=1e-4, atol=1e-6)
        for mine, theirs in zip(together.histories[row], alone.histories[0], strict=True):
            assert mine.loss == pytest.approx(theirs.loss, rel=1e-4)
            assert mine.terms == pytest.approx(theirs.terms, rel=1e-4)
    losses = {job: together.histories[row][-1].loss for row, job in enumerate(jobs)}
    if fraction == 1:  # with all labels `whole_clip` is the baseline, and no other two are the same model
        assert all(losses.pop(ModelId("whole_clip", seed)) == losses[ModelId("without", seed)] for seed in (0, 1))
    assert len(set(losses.values())) == len(losses)


@pytest.mark.gpu
def test_a_gpu_trains_as_a_cpu(data: FeatureSet, make_plan: MakePlan, teacher: Classifier) -> None:
    """Twice the same bits, and nearly the losses of a CPU."""
    plan = make_plan(learning_rate=0.05)
    jobs = [ModelId(method, seed) for method in ("without", "with") for seed in (0, 1)]
    teachers = [teacher if plan.trained[job.method].method.teacher else None for job in jobs]
    on_gpu = [None if own is None else own.to("cuda") for own in teachers]
    first, again = (train_together(jobs, plan, data.to("cuda"), on_gpu) for _ in range(2))
    assert same_bits(first.weights, again.weights)
    expected = train_together(jobs, plan, data, [None if own is None else own.to("cpu") for own in teachers])
    for mine, theirs in zip(first.histories, expected.histories, strict=True):
        assert [epoch.loss for epoch in mine] == pytest.approx([epoch.loss for epoch in theirs], rel=1e-3)


def test_methods_of_a_seed_start_equal_and_see_equal_batches(
    data: FeatureSet, make_plan: MakePlan, teacher: Classifier
) -> None:
    standstill = make_plan(learning_rate=1e-30)
    without = train_one(data, standstill)
    with_distillation = train_one(data, standstill, "with", teacher=teacher)
    assert same_bits(without.weights, with_distillation.weights)
    # Equal losses under dropout, in each epoch: equal batches in equal order.
    classification = [
        [epoch.terms["classification"] for epoch in state.histories[0]] for state in (without, with_distillation)
    ]
    assert classification[0] == classification[1]
    assert len(set(classification[0])) == 6  # and other ones in each epoch
    assert without.histories[0][0].loss < with_distillation.histories[0][0].loss


def test_without_distillation_is_alpha_and_beta_zero(
    data: FeatureSet, recipe: Recipe, plan: TrainingPlan, teacher: Classifier
) -> None:
    distillation = recipe.distillation.model_copy(update={"alpha": 0.0, "beta": 0.0})
    zero = make_training_plan(recipe.model_copy(update={"distillation": distillation}), ["with"])
    without = train_one(data, plan)
    assert same_bits(without.weights, train_one(data, zero, "with", teacher=teacher).weights)
    for method in ("with", "teacher_student", "self_distillation"):
        assert not same_bits(without.weights, train_one(data, plan, method, teacher=teacher).weights)


def test_terms_add_up_to_the_loss(data: FeatureSet, plan: TrainingPlan, teacher: Classifier) -> None:
    for epoch in train_one(data, plan, "with", teacher=teacher).histories[0]:
        terms = epoch.terms
        total = terms["classification"] + 0.5 * terms["teacher_student"] + 0.5 * terms["self_distillation"]
        assert epoch.loss == pytest.approx(total, rel=1e-6)
        assert min(terms.values()) > 0


def test_teacher_stays_as_it_is(data: FeatureSet, plan: TrainingPlan, teacher: Classifier) -> None:
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    train_one(data, plan, "with", teacher=teacher)
    assert same_bits(before, teacher.state_dict())
    assert all(parameter.grad is None for parameter in teacher.parameters())


@pytest.mark.parametrize("method", ["without", "teacher", "with", "self_distillation"])
def test_a_label_that_may_not_be_read_has_no_say(
    data: FeatureSet, plan: TrainingPlan, teacher: Classifier, method: str
) -> None:
    few = replace(plan, labels=Labels(fraction=0.2, classification_weight=0.5))
    train = data.splits["train"]
    hidden = ~labelled_clips(train.labels, 0.2, 0)
    # Swapped within the hidden clips: as many of each class, so that the same clips are drawn.
    labels = train.labels.clone()
    wrong = (labels + 1) % 3
    first = train_one(data, few, method, teacher=teacher)
    drawn = labelled_clips

    def same_draw(_: Tensor, fraction: float, seed: int) -> Tensor:
        return drawn(labels, fraction, seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("distill.training.labelled_clips", same_draw)
        lied = replace(data, splits={**data.splits, "train": replace(train, labels=torch.where(hidden, wrong, labels))})
        assert same_bits(first.weights, train_one(lied, few, method, teacher=teacher).weights)
        lied = replace(data, splits={**data.splits, "train": replace(train, labels=torch.where(hidden, labels, wrong))})
        assert not same_bits(first.weights, train_one(lied, few, method, teacher=teacher).weights)


def test_nothing_of_the_test_split_reaches_the_weights(cache: Cache, manifest: Manifest, plan: TrainingPlan) -> None:
    weights = train_one(make_feature_set(cache, manifest), plan).weights

    def corrupted(split: str) -> Mapping[str, Tensor]:
        clips, features = manifest.clips.copy(), cache.features.copy()
        clips.loc[clips["split"] == split, "label"] = 2
        features[[clip.startswith(split) for clip in cache.clip_id]] = 1e6
        return train_one(
            make_feature_set(replace(cache, features=features), replace(manifest, clips=clips)), plan
        ).weights

    assert same_bits(weights, corrupted("test"))
    assert not same_bits(weights, corrupted("train"))  # the same corruption does show where it may


def epoch_with(number: int, auc: float, loss: float) -> EpochResult:
    return EpochResult(number, 0.0, {}, loss, auc, (auc,))


def test_selection_rule() -> None:
    scores = [(0.5, 1.0), (0.7, 2.0), (0.7, 1.5), (0.7, 1.5), (0.6, 0.1)]
    history = tuple(epoch_with(number, *score) for number, score in enumerate(scores, start=1))
    assert [epoch.epoch for epoch in TrainingState((history, history[:2]), {}, {}, {}).selected] == [3, 2]


def test_best_weights_are_those_of_the_selected_epoch(data: FeatureSet, make_plan: MakePlan) -> None:
    plan = make_plan(epochs=12, learning_rate=0.3)
    states = snapshots([ModelId("without", 1), ModelId("without", 2)], data, plan)
    final = states[-1]
    assert len({epoch.epoch for epoch in final.selected}) == 2  # else the models could be mixed up unseen
    for row, selected in enumerate(final.selected):
        assert 1 < selected.epoch < 12  # else this test could not tell the best from the first or the last
        then = {name: tensor[row] for name, tensor in states[selected.epoch - 1].weights.items()}
        assert same_bits({name: tensor[row] for name, tensor in final.best.items()}, then)
        assert not same_bits({name: tensor[row] for name, tensor in final.weights.items()}, then)

        student = network(final, "without", data, plan, row)
        validation = data.splits["validation"]
        probabilities = predict_probabilities(student, validation.features)
        labels = validation.labels.numpy()
        accuracy = (probabilities.argmax(-1) == labels[:, None]).mean(0)
        np.testing.assert_allclose(selected.validation_accuracy, accuracy)
        assert selected.validation_auc == pytest.approx(accuracy.mean())
        of_label = np.take_along_axis(probabilities, labels[:, None, None], axis=2)
        assert selected.validation_loss == pytest.approx(-np.log(of_label).mean(), rel=1e-5)


def test_sgd_is_the_one_of_the_recipe(data: FeatureSet, make_plan: MakePlan) -> None:
    """One step on one batch of all clips, against the rule by hand: clip, decay, momentum."""
    values = {"epochs": 2, "batch_size": 30, "input_dropout": 0.0, "output_dropout": 0.0}
    plan = make_plan(**values, learning_rate=0.05, momentum=0.8, weight_decay=0.01, gradient_clip=0.1)
    one, two = snapshots([ModelId("without", 0)], data, plan)
    student = Classifier("gru", data.feature_dim, 8, data.num_classes)
    student.load_state_dict({name: tensor[0] for name, tensor in one.weights.items()})
    train = data.splits["train"]
    logits = student(train.features)
    loss = -logits.log_softmax(-1)[torch.arange(30), :, train.labels].mean()
    gradients = torch.autograd.grad(loss, list(student.parameters()))
    norm = math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients))
    assert norm > 0.1  # the clip is at work
    for (name, weight), gradient in zip(student.named_parameters(), gradients, strict=True):
        velocity = 0.8 * one.momentum[name][0] + gradient * 0.1 / norm + 0.01 * weight
        torch.testing.assert_close(
            two.weights[name][0].detach(), (weight - 0.05 * velocity).detach(), rtol=1e-4, atol=1e-6
        )


def test_a_loss_that_is_not_finite_is_refused(data: FeatureSet, plan: TrainingPlan) -> None:
    train = data.splits["train"]
    broken = replace(data, splits={**data.splits, "train": replace(train, features=train.features * math.nan)})
    with pytest.raises(
        UserError, match=r"without, seed 0: the training loss of epoch 1 is nan; lower training\.learning_rate"
    ):
        train_one(broken, plan)
