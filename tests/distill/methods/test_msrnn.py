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
