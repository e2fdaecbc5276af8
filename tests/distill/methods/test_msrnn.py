"""MSRNN: soft labels keep their order whatever is learned, the loss against loops in NumPy, and both sides learn."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.method import LossInputs, Method
from distill.methods.msrnn import MSRNN, Msrnn, regression_loss, roughness, soft_labels
from distill.models import Outputs


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([0.0, 1.0, 30.0, 1e4]),
    steps=st.integers(1, 12),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_soft_labels_rise_from_zero_to_one(seed: int, scale: float, steps: int, dtype: torch.dtype) -> None:
    raw = torch.randn(2, steps, 3, generator=torch.Generator().manual_seed(seed), dtype=dtype) * scale
    soft = soft_labels(raw)
    assert soft.shape == raw.shape
    assert (soft.diff(dim=-2) >= 0).all()
    assert (soft >= 0).all()
    assert torch.equal(soft[:, -1], torch.ones(2, 3, dtype=dtype))


def test_they_begin_as_the_share_that_is_seen() -> None:
    first = MSRNN.parameters(10, 4)["increments"]
    expected = torch.arange(1, 11)[:, None].expand(10, 4) / 10
    torch.testing.assert_close(soft_labels(first), expected)


def test_against_numpy(outputs: Outputs, make_inputs: Callable[[Method], LossInputs]) -> None:
    inputs = make_inputs(MSRNN)
    total = MSRNN.loss(outputs, inputs, Msrnn(smoothness=0.7)).total
    models, batch, steps, classes = outputs.logits.shape
    for model in range(models):
        raw = np.sqrt(steps * classes) * inputs.parameters["increments"][model].numpy()
        soft = np.zeros((steps, classes))
        for c in range(classes):
            shares = np.exp(raw[:, c]) / np.exp(raw[:, c]).sum()
            soft[:, c] = [shares[: n + 1].sum() for n in range(steps)]
        errors = []
        for clip in (clip for clip in range(batch) if inputs.labelled[model, clip]):
            label, error = int(inputs.labels[model, clip]), 0.0
            for n in range(steps):
                for c in range(classes):
                    target = soft[n, c] if c == label else 0.0
                    error += float(outputs.logits[model, clip, n, c] - target) ** 2 / steps
            errors.append(error)
        leaps = [sum((soft[n, c] - soft[n - 1, c]) ** 2 for n in range(1, steps)) for c in range(classes)]
        assert total[model].item() == pytest.approx(np.mean(errors) + 0.7 * np.mean(leaps), rel=1e-12)


def test_with_lengths_a_clip_goes_through_all_levels_in_its_own_segments(
    outputs: Outputs, make_inputs: Callable[[Method], LossInputs]
) -> None:
    inputs = make_inputs(MSRNN)
    models, batch, steps, classes = outputs.logits.shape
    lengths = [1, 3, 2, 4, 3]
    running = (torch.arange(steps) < torch.tensor(lengths)[:, None]).expand(models, -1, -1)
    logits = outputs.logits.masked_fill(~running[..., None], torch.nan)
    total, terms = MSRNN.loss(Outputs(outputs.states, logits), inputs._replace(running=running), Msrnn(smoothness=0.7))
    plain = MSRNN.loss(outputs, inputs, Msrnn(smoothness=0.7)).terms
    assert torch.equal(terms["roughness"], plain["roughness"]), "it is of the levels, not of the clips"
    soft = soft_labels(inputs.parameters["increments"]).numpy()
    levels = {1: [4], 2: [2, 4], 3: [2, 3, 4], 4: [1, 2, 3, 4]}  # the share of 4 that is observed, rounded up
    for model in range(models):
        errors = []
        for clip in (clip for clip in range(batch) if inputs.labelled[model, clip]):
            label, error = int(inputs.labels[model, clip]), 0.0
            for n, level in enumerate(levels[lengths[clip]]):
                for c in range(classes):
                    target = soft[model, level - 1, c] if c == label else 0.0
                    error += float(logits[model, clip, n, c] - target) ** 2 / lengths[clip]
            errors.append(error)
        assert terms["regression"][model].item() == pytest.approx(np.mean(errors), rel=1e-12)
        expected = np.mean(errors) + 0.7 * plain["roughness"][model].item()
        assert total[model].item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_clips_that_all_have_n_segments_have_the_loss_of_equal_parts(
    outputs: Outputs, make_inputs: Callable[[Method], LossInputs], dtype: torch.dtype
) -> None:
    inputs = make_inputs(MSRNN)
    inputs = inputs._replace(parameters={name: each.to(dtype) for name, each in inputs.parameters.items()})
    logits = outputs.logits.to(dtype).requires_grad_()
    running = torch.ones(logits.shape[:-1], dtype=torch.bool)
    totals = [
        MSRNN.loss(Outputs(outputs.states, logits), inputs._replace(running=mask), Msrnn()).total
        for mask in (None, running)
    ]
    assert torch.equal(*totals)
    assert torch.equal(*(torch.autograd.grad(total.sum(), logits)[0] for total in totals))


def test_network_and_soft_labels_learn_together(make_inputs: Callable[[Method], LossInputs]) -> None:
    inputs = make_inputs(MSRNN)
    raw = inputs.parameters["increments"].clone().requires_grad_()
    logits = torch.zeros(3, 5, 4, 6, dtype=torch.float64, requires_grad=True)
    total = MSRNN.loss(Outputs(logits, logits), inputs._replace(parameters={"increments": raw}), Msrnn()).total
    of_logits, of_raw = torch.autograd.grad(total.sum(), [logits, raw])
    readable = inputs.labelled
    true = inputs.labels[..., None, None].expand(3, 5, 4, 1)
    assert (of_logits.gather(-1, true).squeeze(-1)[readable] < 0).all()  # from 0 up to s > 0
    assert of_logits[~readable].count_nonzero() == 0
    assert of_raw.count_nonzero() == of_raw.numel()  # smoothness is of every class, also of one the batch lacks


def test_gradients_against_finite_differences() -> None:
    raw, logits = torch.randn(4, 3, dtype=torch.float64), torch.randn(2, 4, 3, dtype=torch.float64)
    inputs = [raw.requires_grad_(), logits.requires_grad_()]
    labels = torch.tensor([2, 0])
    assert torch.autograd.gradcheck(lambda u, f: regression_loss(f, labels, soft_labels(u)), inputs)
    assert torch.autograd.gradcheck(lambda u: roughness(soft_labels(u)), inputs[:1])
    running = torch.arange(4) < torch.tensor([[3], [2]])
    assert torch.autograd.gradcheck(lambda u, f: regression_loss(f, labels, soft_labels(u), running), inputs)
