"""A stack of networks against the networks one by one: states, logits and gradients, on own and on shared sequences."""

import pytest
import torch
from torch import Tensor

from distill.augmentation import Augmentation
from distill.models import KINDS, Classifier, Kind
from distill.side_by_side import models_at_once
from distill.stack import Stack
from manifests.recipes.training import Training

MODELS, BATCH, STEPS, WIDTH, UNITS, CLASSES = 3, 4, 6, 5, 7, 4
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
OWN_AND_SHARED = pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])


def networks(kind: Kind) -> list[Classifier]:
    torch.manual_seed(0)
    return [Classifier(kind, WIDTH, UNITS, CLASSES).double() for _ in range(MODELS)]


def sequences(shared: bool) -> Tensor:
    shape = (BATCH, STEPS, WIDTH) if shared else (MODELS, BATCH, STEPS, WIDTH)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@EVERY_KIND
@OWN_AND_SHARED
def test_outputs_and_gradients(kind: Kind, shared: bool) -> None:
    alone, features = networks(kind), sequences(shared)
    stack = Stack.of(alone)
    outputs = stack(features)
    weight = torch.randn(outputs.logits.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    gradients = torch.autograd.grad((outputs.logits * weight).sum(), list(stack.parameters.values()))
    for row, network in enumerate(alone):
        own = features if shared else features[row]
        states, logits = network.states(own), network(own)
        torch.testing.assert_close(outputs.states[row], states, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(outputs.logits[row], logits, rtol=1e-10, atol=1e-12)
        expected = torch.autograd.grad((logits * weight[row]).sum(), list(network.parameters()))
        names = [name for name, _ in network.named_parameters()]
        for name, gradient in zip(names, expected, strict=True):
            found = gradients[list(stack.parameters).index(name)][row]
            torch.testing.assert_close(
                found, gradient, rtol=1e-10, atol=1e-12, msg=lambda text, at=name: f"{at}: {text}"
            )


@EVERY_KIND
def test_shared_sequences_are_everyones_own(kind: Kind) -> None:
    stack, features = Stack.of(networks(kind)), sequences(shared=True)
    shared, own = stack(features), stack(features.expand(MODELS, -1, -1, -1))
    for one, other in zip(shared, own, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@EVERY_KIND
@pytest.mark.parametrize("seen", [1, 3, 5])
def test_who_sees_the_future(kind: Kind, seen: int) -> None:
    stack, features = Stack.of(networks(kind)), sequences(shared=False)
    later = features.clone()
    later[:, :, seen:] += 1
    before, after = stack(features).logits[:, :, :seen], stack(later).logits[:, :, :seen]
    if kind.startswith("bi"):
        assert (before != after).any(-1).all()  # of every model and clip, at every step
    else:
        assert torch.equal(before, after)


def test_a_stack_is_a_copy() -> None:
    alone = networks("gru")
    stack = Stack.of(alone)
    assert len(stack) == MODELS
    before = alone[0].classifier.bias.clone()
    with torch.no_grad():
        stack.parameters["classifier.bias"].add_(1)
    assert torch.equal(alone[0].classifier.bias, before)
    assert all(tensor.is_leaf and tensor.requires_grad for tensor in stack.parameters.values())


def dropout(**shares: float) -> Augmentation:
    """The same draws at each call."""
    shares = {"input_dropout": 0.0, "output_dropout": 0.0} | shares
    return Augmentation(list(range(MODELS)), 1, torch.device("cpu"), Training.model_validate(shares))


@EVERY_KIND
def test_dropout_is_of_features_and_of_states_before_the_classifier(kind: Kind) -> None:
    stack, features = Stack.of(networks(kind)), sequences(shared=False)
    plain, after = stack(features), stack(features, dropout(output_dropout=0.5))
    assert torch.equal(after.states, plain.states)  # the states that are handed out are whole
    kept = dropout(output_dropout=0.5).drop_output(plain.states)
    by_hand = torch.einsum("mbnh,mch->mbnc", kept, stack.parameters["classifier.weight"])
    expected = by_hand + stack.parameters["classifier.bias"][:, None, None]
    torch.testing.assert_close(after.logits, expected, rtol=1e-10, atol=1e-12)
    assert not torch.equal(after.logits, plain.logits)
    on_features = stack(dropout(input_dropout=0.5).drop_input(features))
    torch.testing.assert_close(stack(features, dropout(input_dropout=0.5)).logits, on_features.logits)
    assert not torch.equal(on_features.logits, plain.logits)


def test_a_cpu_stacks_what_its_cache_holds_and_a_gpu_all() -> None:
    small, large = Classifier("gru", 180, 128, 27), Classifier("gru", 2048, 512, 101)
    assert models_at_once(small, torch.device("cpu")) > 20
    assert 1 <= models_at_once(large, torch.device("cpu")) <= 4
    assert models_at_once(large, torch.device("cuda")) > 20
