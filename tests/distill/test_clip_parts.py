"""Random cuts of training clips and drawn observation ratios: the draws, the losses, and the trainings."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from common.errors import UserError
from distill.augmentation import Augmentation
from distill.clip_parts import EpochParts, cut, moved_to_front, uniform
from distill.feature_set import FeatureSet, Split
from distill.losses import combined_loss, running_segments
from distill.method import Method
from distill.methods import METHODS as ALL_METHODS
from distill.models import Classifier, Outputs
from distill.run_settings import run_settings
from distill.side_by_side import train_together
from distill.training import ModelTraining, new_network, train_model
from distill.training_plan import check_cuts, make_training_plan
from distill.training_state import ModelId, TrainingState
from manifests.recipes.recipe import Recipe
from manifests.recipes.training import Training

MakeRecipe = Callable[..., Recipe]
METHODS = ["without", "with", "self_distillation", "teacher_student", "teacher", "mean_linear"]
LENGTHS = torch.tensor([3, 5, 1, 2])
N, C = 5, 4


def random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


def of_lengths(data: FeatureSet) -> FeatureSet:
    """The same clips with 1 to 5 segments each."""
    splits = {}
    for name, split in data.splits.items():
        lengths = 1 + torch.arange(len(split.labels)) % N
        features = split.features.where(running_segments(lengths, N)[..., None], 0)
        splits[name] = replace(split, features=features, lengths=lengths)
    return replace(data, splits=splits)


def clips(lengths: Tensor | None = LENGTHS) -> Split:
    """Four clips; the feature of segment n of clip b is 10 (b + 1) + n, and 99 where the clip has no segment."""
    features = (10.0 * torch.arange(1, 5)[:, None] + torch.arange(N))[..., None]
    if lengths is not None:
        features = features.where(running_segments(lengths, N)[..., None], 99)
    return Split(("a", "b", "c", "d"), features, torch.zeros(4, dtype=torch.int64), lengths)


def parts(seeds: list[int], epoch: int = 1, lengths: Tensor | None = LENGTHS, **training: Any) -> EpochParts:
    return EpochParts(seeds, epoch, clips(lengths), Training.model_validate(training))


def all_rows(models: int) -> Tensor:
    return torch.arange(4).expand(models, -1)


@settings(deadline=None, max_examples=100)
@given(length=st.integers(1, 60), first=st.floats(0, 1, exclude_max=True), second=st.floats(0, 1, exclude_max=True))
def test_a_run_lies_in_its_clip_and_has_a_segment(length: int, first: float, second: float) -> None:
    starts, kept = cut(torch.tensor([length]), torch.tensor([[first], [second]], dtype=torch.float64))
    assert 1 <= kept.item() <= length
    assert 0 <= starts.item() <= length - kept.item()


def test_lengths_are_drawn_evenly_and_so_are_the_starts_that_they_leave() -> None:
    starts, kept = cut(torch.full((60_000,), 3), uniform([7], 2, 4, 2, 60_000)[0])
    found = Counter(zip(starts.tolist(), kept.tolist(), strict=True))
    expected = {(0, 3): 1 / 3, (0, 2): 1 / 6, (1, 2): 1 / 6, (0, 1): 1 / 9, (1, 1): 1 / 9, (2, 1): 1 / 9}
    assert found.keys() == expected.keys()
    for run, share in expected.items():
        assert found[run] / 60_000 == pytest.approx(share, abs=0.01)


def test_a_cut_is_that_of_numpy_and_its_numbers_stay_as_they_are() -> None:
    """Golden numbers: other draws would be other weights for the same recipe and seed."""
    cutting = parts([0, 3], epoch=5, random_cut=1.0)(all_rows(2))
    assert cutting.running is not None and cutting.counted is None
    for row, seed in enumerate([0, 3]):
        state = np.random.SeedSequence((seed, 5, 4)).generate_state(1, np.uint64)[0]
        drawn = torch.rand(3, 4, generator=torch.Generator().manual_seed(int(state)), dtype=torch.float64).numpy()
        for clip, length in enumerate(LENGTHS.tolist()):
            kept = 1 + int(drawn[0, clip] * length)
            start = int(drawn[1, clip] * (length - kept + 1))
            own = [10.0 * (clip + 1) + n for n in range(start, start + kept)]
            assert cutting.features[row, clip, :, 0].tolist() == own + [0.0] * (N - kept)
            assert cutting.running[row, clip].tolist() == [n < kept for n in range(N)]
    assert cutting.features[0, :, :, 0].int().tolist() == [
        [11, 0, 0, 0, 0],
        [23, 24, 0, 0, 0],
        [30, 0, 0, 0, 0],
        [41, 0, 0, 0, 0],
    ]


def test_a_share_of_the_clips_is_cut_and_the_others_are_whole() -> None:
    """Those that are cut are cut as they are where all are."""
    whole, count = clips(torch.full((4,), N)), 0
    for epoch in range(1, 201):
        some, every = (
            EpochParts([1], epoch, whole, Training(random_cut=share))(all_rows(1)).features[0] for share in (0.3, 1.0)
        )
        for clip in range(4):
            is_whole = torch.equal(some[clip], whole.features[clip])
            assert is_whole or torch.equal(some[clip], every[clip])
            count += not is_whole
    assert count / 800 == pytest.approx(0.3 * (1 - 1 / N), abs=0.05)  # one run of N keeps all segments


def test_a_run_is_moved_to_the_front() -> None:
    features = clips(None).features[None]
    starts, kept = torch.tensor([[0, 2, 4, 1]]), torch.tensor([[5, 2, 1, 3]])
    moved = moved_to_front(features, starts, running_segments(kept, N))[0, :, :, 0].int().tolist()
    assert moved == [[10, 11, 12, 13, 14], [22, 23, 0, 0, 0], [34, 0, 0, 0, 0], [41, 42, 43, 0, 0]]


@pytest.mark.parametrize("lengths", [LENGTHS, None])
def test_nothing_is_changed_unless_asked_for(lengths: Tensor | None) -> None:
    rows = torch.tensor([[2, 0], [1, 1]])
    features, running, counted = parts([0, 1], lengths=lengths)(rows)
    assert torch.equal(features, clips(lengths).features[rows]) and counted is None
    assert (running is None) == (lengths is None)
    if running is not None and lengths is not None:
        assert torch.equal(running, running_segments(lengths[rows], N))


@pytest.mark.parametrize("cuts", [False, True])
@pytest.mark.parametrize("lengths", [LENGTHS, None])
def test_one_segment_that_the_clip_has_is_drawn_evenly(lengths: Tensor | None, cuts: bool) -> None:
    found = torch.zeros(4, N)
    for epoch in range(1, 401):
        _, running, counted = parts(
            [4], epoch, lengths, ratios="drawn", random_cut=float(cuts and lengths is not None)
        )(all_rows(1))
        assert counted is not None and (counted.sum(-1) == 1).all()
        assert running is None or not (counted & ~running).any()
        found += counted[0]
    if not cuts:
        for clip, length in enumerate([N] * 4 if lengths is None else lengths.tolist()):
            assert torch.allclose(found[clip, :length] / 400, torch.tensor(1 / length), atol=0.08)


def test_who_trains_beside_a_model_and_the_order_of_the_clips_make_no_difference() -> None:
    asked: dict[str, Any] = {"random_cut": 1.0, "ratios": "drawn"}
    together = parts([5, 2, 5], 3, **asked)(all_rows(3))
    for row, seed in enumerate([5, 2, 5]):
        alone = parts([seed], 3, **asked)(all_rows(1).flip(1))
        for one, all_of_them in zip(alone, together, strict=True):
            assert one is not None and all_of_them is not None
            assert torch.equal(one[0].flip(0), all_of_them[row])
    again, other = parts([5], 3, **asked)(all_rows(1)), parts([5], 4, **asked)(all_rows(1))
    assert torch.equal(again.features[0], together.features[0])
    assert not torch.equal(again.features, other.features)
    before = torch.random.get_rng_state()
    parts([5], 3, **asked)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("timed", [False, True])
def test_only_the_drawn_output_counts_in_the_losses(timed: bool) -> None:
    """Against NumPy, clip by clip, and by the gradient."""
    logits, teacher, tau = random(1, 4, N, C).requires_grad_(), random(2, 4, N, C), 2
    labels, drawn = torch.tensor([0, 3, 2, 1]), [0, 2, 0, 1]
    lengths = LENGTHS.tolist() if timed else [N] * 4
    running = running_segments(LENGTHS, N) if timed else None
    counted = torch.arange(N) == torch.tensor(drawn)[:, None]
    losses = combined_loss(logits, labels, teacher, running=running, counted=counted, alpha=0.5, beta=0.7, tau=tau)
    losses.total.backward()  # type: ignore[no-untyped-call]
    own, taught, expected = log_softmax(logits.detach().numpy()), log_softmax(teacher.numpy()), 0.0
    for clip, (n, length) in enumerate(zip(drawn, lengths, strict=True)):
        now, target = own[clip, n], taught[clip, n]
        expected += (-now[labels[clip]] + 0.5 * (np.exp(target) * (target - now)).sum()) / 4
        if n + tau < length:
            later = own[clip, n + tau]
            expected += 0.7 * (np.exp(later) * (later - now)).sum() / 4
    assert losses.total.item() == pytest.approx(expected, rel=1e-12)
    assert logits.grad is not None
    assert torch.equal(logits.grad.any(-1), counted)


def test_the_mean_of_all_draws_is_the_loss_of_all_ratios() -> None:
    logits, teacher, labels = random(3, 4, N, C), random(4, 4, N, C), torch.tensor([0, 3, 2, 1])
    levels = [torch.arange(N).eq(n).expand(4, -1) for n in range(N)]
    drawn = [combined_loss(logits, labels, teacher, counted=each, alpha=0.5, beta=0.7).terms for each in levels]
    whole = combined_loss(logits, labels, teacher, alpha=0.5, beta=0.7).terms
    for name, term in whole.items():
        share = (N - 1) / N if name == "self_distillation" else 1  # the last segment has no later one
        assert torch.allclose(torch.stack([each[name] for each in drawn]).mean(), share * term)


def asked_for(make_recipe: MakeRecipe, cuts: float = 1.0, ratios: str = "drawn", **training: object) -> Recipe:
    recipe = make_recipe(mixup=0.5, feature_noise=0.3, standardize=True)
    own = {"random_cut": cuts, "ratios": ratios} | training
    return recipe.model_copy(update={"training": Training.model_validate(recipe.training.model_dump() | own)})


def same_bits(one: TrainingState, other: TrainingState) -> bool:
    groups = zip((one.weights, one.momentum, one.best), (other.weights, other.momentum, other.best), strict=True)
    return all(torch.equal(mine[name], theirs[name]) for mine, theirs in groups for name in mine)


@pytest.mark.parametrize("mixup", [0.0, 0.5])
@pytest.mark.parametrize("done", [1, 4])
def test_a_training_resumes_to_the_same_bits(
    data: FeatureSet, make_recipe: MakeRecipe, done: int, mixup: float
) -> None:
    plan, timed = make_training_plan(asked_for(make_recipe, mixup=mixup), METHODS), of_lengths(data)
    models, states = [ModelId("without", 0), ModelId("self_distillation", 1)], []
    whole = train_together(models, plan, timed, after_epoch=lambda state: states.append(state.of_models([0, 1])))
    resumed = train_together(models, plan, timed, resume=states[done - 1])
    assert same_bits(resumed, whole) and resumed.histories == whole.histories


@pytest.mark.parametrize("mixup", [0.0, 0.5])
def test_models_side_by_side_get_what_they_get_alone(data: FeatureSet, make_recipe: MakeRecipe, mixup: float) -> None:
    recipe = asked_for(make_recipe, mixup=mixup, feature_noise=mixup, learning_rate=0.05)
    plan, timed = make_training_plan(recipe, METHODS), of_lengths(data)
    teacher = new_network(ModelId("teacher", 0), plan, timed)
    models = [ModelId(name, seed) for name in ("without", "with", "self_distillation") for seed in (0, 1)]
    teachers: list[Classifier | None] = [teacher if model.method == "with" else None for model in models]
    together = train_together(models, plan, timed, teachers)
    for row, model in enumerate(models):
        alone = train_model(model, plan, timed, teachers[row])
        for name, tensor in alone.weights.items():
            torch.testing.assert_close(together.weights[name][row], tensor[0], rtol=1e-4, atol=1e-5)


def test_student_and_teacher_get_the_same_cut_clips(
    data: FeatureSet, make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also without mixing and noise, where the teacher's outputs for whole clips could be computed once."""
    recipe = asked_for(make_recipe, mixup=0.0, feature_noise=0.0, standardize=False)
    plan, timed = make_training_plan(recipe, METHODS), of_lengths(data)
    teacher = new_network(ModelId("teacher", 0), plan, timed)
    training = ModelTraining([ModelId("with", 0)], plan, timed, [teacher])
    outputs, seen, taught = training.losses.teacher_outputs, [], []  # type: ignore[attr-defined]
    networks = training.networks

    def student(features: Tensor, augmentation: Augmentation) -> Outputs:
        seen.append(features)
        return networks(features, augmentation)

    def teachers(rows: Tensor, features: Tensor) -> Outputs:
        taught.append(features)
        found: Outputs = outputs(rows, features)
        return found

    monkeypatch.setattr(training, "networks", student)
    monkeypatch.setattr(training.losses, "teacher_outputs", teachers)
    training.train_epoch(1)
    train = timed.splits["train"]
    assert train.lengths is not None
    cuts = 0
    for own, theirs in zip(seen, taught, strict=True):
        assert torch.equal(own, theirs)
        kept = own.any(-1).sum(-1)
        assert (kept >= 1).all()
        cuts += int((kept < 5).sum())
    assert cuts > len(train.labels) / 2


@pytest.mark.parametrize("method", ["without", "self_distillation", "mean_linear"])
def test_a_causal_student_learns_nothing_from_what_was_cut_off(
    data: FeatureSet, make_recipe: MakeRecipe, method: str
) -> None:
    """Values in the place of segments that the clip does not have, or that the epoch does not use, change no bit."""
    plan, timed = make_training_plan(asked_for(make_recipe, ratios="all", epochs=1), [method]), of_lengths(data)
    train, model = timed.splits["train"], ModelId(method, 0)
    assert train.lengths is not None
    used = EpochParts([0], 1, train, plan.training)
    places = replace(train, features=torch.arange(1.0, 6).view(1, 5, 1).expand_as(train.features))
    kept = EpochParts([0], 1, places, plan.training)(torch.arange(len(train.labels))[None]).features[0, :, :, 0]
    is_used = torch.stack([(kept == n).any(-1) for n in range(1, 6)], 1)  # (clips, N)
    assert used is not None and not is_used.all() and is_used.any(1).all()
    other = replace(train, features=train.features.where(is_used[..., None], train.features + 3))
    plain, changed = (
        ModelTraining([model], plan, replace(timed, splits={**timed.splits, "train": split}), [None])
        for split in (train, other)
    )
    changed.mean, changed.scale, changed.deviation = plain.mean, plain.scale, plain.deviation  # of all segments
    assert same_bits(plain.run(), changed.run())


ABLE = [name for name, each in ALL_METHODS.items() if isinstance(each, Method) and each.takes_lengths]


@pytest.mark.parametrize("method", ABLE)
def test_every_method_that_takes_lengths_learns_from_cut_clips(
    data: FeatureSet, make_recipe: MakeRecipe, method: str
) -> None:
    """Its loss is over the segments of the cut clips, so values after their end change no bit of a student."""
    recipe = asked_for(make_recipe, ratios="all", epochs=2)
    plan, timed, model = make_training_plan(recipe, [method]), of_lengths(data), ModelId(method, 0)
    own = plan.trained[method].method
    teacher = new_network(ModelId(own.teacher, 0), plan, timed) if own.teacher else None
    train, found = timed.splits["train"], []
    assert train.lengths is not None
    for value in (0.0, 7.0):
        filled = train.features.where(running_segments(train.lengths, N)[..., None], value)
        clips_with = replace(timed, splits={**timed.splits, "train": replace(train, features=filled)})
        found.append(train_model(model, plan, clips_with, teacher))
    assert all(np.isfinite(epoch.loss) for epoch in found[0].histories[0])
    if own.targets is None:  # targets are of whole clips, and a teacher that sees the future reads all of the features
        assert same_bits(*found)


def test_options_that_are_off_are_in_no_record(data: FeatureSet, make_recipe: MakeRecipe) -> None:
    """Otherwise the stored runs of earlier versions would be other runs."""
    recipe, model = make_recipe(), ModelId("without", 0)
    plain = run_settings(make_training_plan(recipe, METHODS), data, model, None)["training"]
    assert not {"random_cut", "ratios"} & plain.keys()
    assert not {"random_cut", "ratios"} & recipe.model_dump()["training"].keys()
    asked = run_settings(make_training_plan(asked_for(make_recipe), METHODS), data, model, None)["training"]
    assert asked == asked_for(make_recipe).training.model_dump()
    assert asked["random_cut"] == 1 and asked["ratios"] == "drawn"


def test_validation_clips_are_whole(data: FeatureSet, make_recipe: MakeRecipe) -> None:
    timed, model = of_lengths(data), ModelId("without", 0)
    found = []
    for cuts in (0.0, 1.0):
        plan = make_training_plan(asked_for(make_recipe, cuts=cuts), METHODS)
        found.append(ModelTraining([model], plan, timed, [None]).validate())
    assert found[0] == found[1]


def test_cuts_of_equal_parts_are_refused(data: FeatureSet, make_recipe: MakeRecipe) -> None:
    values = make_recipe().model_dump() | {"extract": {"backbone": "joints", "weights": "none"}}
    values["training"]["random_cut"] = 0.5
    with pytest.raises(
        ValueError, match="training.random_cut needs segment_seconds: equal parts are shares of a whole"
    ):
        Recipe.model_validate(values)
    timed = values["extract"] | {"segment_seconds": 0.5, "frame_rate": 30}
    assert Recipe.model_validate(values | {"extract": timed}).training.random_cut
    with pytest.raises(
        UserError, match="the cache has equal parts of clips; give a cache that was made with segment_se"
    ):
        check_cuts(make_training_plan(asked_for(make_recipe), METHODS))
    check_cuts(make_training_plan(make_recipe(), METHODS))


@pytest.mark.parametrize("method", ["rank_lstm", "ms_lstm", "ts_lstm", "whole_clip", "east"])
def test_methods_that_need_all_ratios_are_refused_by_name(make_recipe: MakeRecipe, method: str) -> None:
    recipe = asked_for(make_recipe, cuts=0.0)
    able = "without, teacher_student, self_distillation, with"
    with pytest.raises(UserError, match=f"the loss of method {method} needs all observation ratios.*, {able}$"):
        make_training_plan(recipe, ["without", method])
    assert make_training_plan(asked_for(make_recipe, cuts=0.0, ratios="all"), ["without", method])
