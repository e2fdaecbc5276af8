"""Clips that differ in their number of segments: losses, moments, mixing, training, and the ten observation ratios."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.errors import UserError
from distill.augmentation import Augmentation
from distill.feature_set import FeatureSet
from distill.losses import combined_loss, running_segments
from distill.method import LossInputs, Method, no_parameters
from distill.methods import METHODS
from distill.models import Outputs, predict_probabilities
from distill.observation import at_ratios
from distill.standardisation import moments
from distill.training import new_network, train_model
from distill.training_plan import make_training_plan
from distill.training_state import ModelId
from manifests.recipes.recipe import Recipe
from manifests.recipes.training import Distillation, Training

LENGTHS = torch.tensor([3, 5, 1, 2])
N, C, H = 5, 4, 6
Floats = NDArray[np.float64]


def random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def divergence(target: Floats, logits: Floats) -> Floats:
    """KL(softmax(target) || softmax(logits)), (segments,)."""
    p, q = log_softmax(target), log_softmax(logits)
    return (np.exp(p) * (p - q)).sum(-1)


def loss_of_clip(logits: Floats, later: Floats, teacher: Floats, label: int, tau: int) -> float:
    """Eq. 4 of one clip with all its segments (M, C); `later` is the fixed target of Eq. 2."""
    classification = -log_softmax(logits)[:, label].mean()
    own = divergence(later[tau:], logits[:-tau]).mean() if len(logits) > tau else 0.0
    return float(classification + 0.5 * divergence(teacher, logits).mean() + 0.7 * own)


def test_the_loss_and_its_gradient_are_those_of_the_clips_one_by_one() -> None:
    logits, teacher = random(1, 4, N, C).requires_grad_(), random(2, 4, N, C)
    labels, tau = torch.tensor([0, 3, 2, 1]), 2
    running = running_segments(LENGTHS, N)
    loss = combined_loss(logits, labels, teacher, running=running, alpha=0.5, beta=0.7, tau=tau).total
    loss.backward()

    def expected(values: Floats) -> float:
        clips = zip(values, fixed, teacher.numpy(), labels.tolist(), LENGTHS.tolist(), strict=True)
        return float(
            np.mean([loss_of_clip(own[:m], later[:m], taught[:m], y, tau) for own, later, taught, y, m in clips])
        )

    fixed = logits.detach().numpy().copy()
    assert loss.item() == pytest.approx(expected(fixed), rel=1e-12)
    assert logits.grad is not None
    for place in np.ndindex(fixed.shape):
        step = np.zeros_like(fixed)
        step[place] = 1e-5
        slope = (expected(fixed + step) - expected(fixed - step)) / 2e-5
        assert logits.grad[place].item() == pytest.approx(slope, abs=1e-8)
    assert not logits.grad[~running].any()


# MSRNN's own parameters belong to N levels, so its loss is not that of each clip alone; it has tests of its own.
TAKES = {
    name: own
    for name, own in METHODS.items()
    if isinstance(own, Method) and own.takes_lengths and own.parameters is no_parameters
}


def settings_of(method: Method) -> Any:
    if method.settings is Distillation:
        return Distillation(alpha=0.5, beta=0.5)
    return method.settings() if method.settings else None


@pytest.mark.parametrize("method", TAKES.values(), ids=TAKES)
def test_every_method_has_the_loss_of_the_clips_one_by_one(method: Method) -> None:
    outputs = [random(seed, 1, 4, N, size).requires_grad_() for seed, size in ((1, H), (2, C))]
    teacher = Outputs(random(3, 1, 4, N, H), random(4, 1, 4, N, C)) if method.teacher else None
    labels, running = torch.tensor([[0, 3, 2, 1]]), running_segments(LENGTHS, N)[None]
    every = torch.ones_like(labels, dtype=torch.bool)
    targets = random(5, 1, 4, C).softmax(-1) if method.targets else None
    drawn = torch.tensor([[0.7, 0.9, 0.0, 0.4]])
    inputs = LossInputs(labels, every, teacher, {}, lambda *shape: drawn, targets, running=running)
    padded = method.loss(Outputs(*outputs), inputs, settings_of(method))
    gradients = torch.autograd.grad(padded.total.sum(), outputs, allow_unused=True)
    total = torch.zeros((), dtype=torch.float64)
    for clip, own in enumerate(LENGTHS.tolist()):
        one = (slice(None), slice(clip, clip + 1), slice(0, own))
        settings = settings_of(method)
        if isinstance(settings, Distillation) and own <= settings.tau:
            settings = settings.model_copy(update={"beta": 0.0})  # it has no pair of segments
            if method is METHODS["self_distillation"]:
                method_of_clip = METHODS["without"]
                assert isinstance(method_of_clip, Method)
            else:
                method_of_clip = method
        else:
            method_of_clip = method
        taught = teacher and Outputs(teacher.states[one], teacher.logits[one])
        target = None if targets is None else targets[:, clip : clip + 1]
        number = drawn[:, clip : clip + 1]
        alone = LossInputs(
            labels[:, clip : clip + 1], every[:, :1], taught, {}, lambda *shape, number=number: number, target
        )
        mine = Outputs(outputs[0][one], outputs[1][one])
        total = total + method_of_clip.loss(mine, alone, settings).total.sum() / len(LENGTHS)
    assert torch.allclose(padded.total.sum(), total, rtol=1e-12)
    for found, expected in zip(gradients, torch.autograd.grad(total, outputs, allow_unused=True), strict=True):
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            assert torch.allclose(found, expected, rtol=1e-10, atol=1e-14)


def test_moments_are_those_of_the_segments_that_there_are() -> None:
    features = random(5, 4, N, 3)
    rows = torch.cat([features[clip, :own] for clip, own in enumerate(LENGTHS.tolist())])
    mean, deviation = moments(features, LENGTHS)
    assert torch.allclose(mean, rows.mean(0)) and torch.allclose(deviation, rows.std(0, correction=0))


def test_mixed_clips_go_on_to_the_end_of_the_longer_one() -> None:
    running = running_segments(LENGTHS, N)[None]
    features = (random(6, 1, 4, N, 3) + 5).float() * running[..., None]
    draw = Augmentation([0], 1, torch.device("cpu"), Training(mixup=0.5, feature_noise=0.1))
    noisy = draw.mix(features, 0, torch.ones(3), running)
    assert noisy.partner is not None
    both = running | running[:, noisy.partner]
    assert noisy.features[both].any(1).all() and not noisy.features[~both].any()
    draw = Augmentation([0], 1, torch.device("cpu"), Training(mixup=0.5, feature_noise=0.0))
    mixed, _, share = draw.mix(features, 0, torch.ones(3), running)
    for clip, other in enumerate(noisy.partner.tolist()):
        own, theirs = LENGTHS[clip], LENGTHS[other]
        common = min(own, theirs)
        expected = share * features[0, clip, :common] + (1 - share) * features[0, other, :common]
        assert torch.allclose(mixed[0, clip, :common], expected)
        longer = clip if own > theirs else other
        assert torch.equal(mixed[0, clip, common:], features[0, longer, common:])


def test_the_answer_at_a_ratio_has_seen_no_more_than_the_ratio() -> None:
    logits = random(7, 2, 4, N, C)
    found = at_ratios(logits, LENGTHS)
    assert found.shape == (2, 4, 10, C)
    for clip, own in enumerate(LENGTHS.tolist()):
        for level in range(1, 11):
            seen = own if level == 10 else int(level * (own - 0.5) / 10)
            expected = logits[:, clip, seen - 1] if seen else torch.zeros(2, C, dtype=torch.float64)
            assert torch.equal(found[:, clip, level - 1], expected)


@pytest.mark.parametrize("method", ["without", "self_distillation", "rank_lstm", "ms_lstm", "east", "msrnn"])
def test_a_causal_student_learns_nothing_from_what_follows_the_end(
    data: FeatureSet, make_recipe: Callable[..., Recipe], with_lengths: Callable[..., FeatureSet], method: str
) -> None:
    recipe = make_recipe(feature_noise=0.3, mixup=0.5, standardize=True)
    plan, model = make_training_plan(recipe, [method]), ModelId(method, 0)
    plain, other = (train_model(model, plan, with_lengths(data, rubbish)) for rubbish in (0.0, 7.0))
    for name, weights in plain.best.items():
        assert torch.equal(weights, other.best[name])
    assert plain.histories == other.histories
    assert len(plain.histories[0][0].validation_accuracy) == 10


def test_a_student_with_a_teacher_is_trained(
    data: FeatureSet, make_recipe: Callable[..., Recipe], with_lengths: Callable[..., FeatureSet]
) -> None:
    recipe, clips = make_recipe(mixup=0.5, standardize=True), with_lengths(data)
    plan = make_training_plan(recipe, ["with"])
    teacher = new_network(ModelId("teacher", 0), plan, clips)
    state = train_model(ModelId("with", 0), plan, clips, teacher)
    assert state.histories[0][-1].loss < state.histories[0][0].loss


def test_probabilities_are_those_at_the_ratios(
    data: FeatureSet, recipe: Recipe, with_lengths: Callable[..., FeatureSet]
) -> None:
    plan, clips = make_training_plan(recipe, ["without"]), with_lengths(data).splits["validation"]
    network = new_network(ModelId("without", 0), plan, data)
    every = predict_probabilities(network, clips.features)
    assert clips.lengths is not None
    found = predict_probabilities(network, clips.features, lengths=clips.lengths)
    assert found.shape == (len(clips.labels), 10, data.num_classes)
    assert np.allclose(found[0, :9], 1 / data.num_classes) and np.array_equal(found[0, 9], every[0, 0])
    assert np.array_equal(found[4, 9], every[4, 4])


def test_all_methods_take_lengths_and_one_that_does_not_is_refused_by_name(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = {"backbone": "joints", "weights": "none", "segment_seconds": 0.3, "frame_rate": 30}
    timed = Recipe.model_validate(recipe.model_dump() | {"extract": extract, "methods": list(METHODS)})
    assert make_training_plan(timed).methods == tuple(METHODS)
    mine = replace(METHODS["knn"], title="Mine", takes_lengths=False)
    monkeypatch.setitem(METHODS, "mine", mine)
    with pytest.raises(UserError, match="method mine needs the same number of segments"):
        make_training_plan(timed, ["without", "mine"])
    assert make_training_plan(timed, ["without", "with"]).methods == ("without", "with")
