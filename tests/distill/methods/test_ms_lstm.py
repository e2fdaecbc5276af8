"""MS-LSTM's loss against loops in NumPy, and where 1 − p is too small for float32."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from distill.method import LossInputs, Method
from distill.methods.ms_lstm import MS_LSTM, false_alarm_loss, log_of_rest
from distill.models import Outputs

Array = NDArray[np.float64]


def published(logits: Array, label: int) -> float:
    """The authors' loss of one clip (N, C), with its sum over steps and its mean over classes."""
    steps, classes = logits.shape
    total = 0.0
    for n, step in enumerate(logits, start=1):
        p = np.exp(step - step.max()) / np.exp(step - step.max()).sum()
        for c in range(classes):
            y = float(c == label)
            total -= y * np.log(p[c]) + n / steps * (1 - y) * np.log(1 - p[c])
    return total / classes


def test_against_numpy(outputs: Outputs, make_inputs: Callable[[Method], LossInputs]) -> None:
    inputs = make_inputs(MS_LSTM)
    total = MS_LSTM.loss(outputs, inputs, None).total
    steps, classes = outputs.logits.shape[-2:]
    for model in range(len(total)):
        clips = [clip for clip, readable in enumerate(inputs.labelled[model]) if readable]
        labels = inputs.labels[model].tolist()
        of_clips = [published(outputs.logits[model, clip].numpy(), labels[clip]) for clip in clips]
        assert total[model].item() == pytest.approx(np.mean(of_clips) * classes / steps, rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 8), classes=st.integers(2, 7))
def test_what_is_left_in_float32(seed: int, scale: float, classes: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(5, classes), scale=scale).astype(np.float32)
    exact = logits.astype(np.float64)
    p = np.exp(exact - exact.max(-1, keepdims=True))
    rest = np.array([[np.delete(row, c).sum() for c in range(classes)] for row in p]) / p.sum(-1, keepdims=True)
    found = log_of_rest(torch.from_numpy(logits)).numpy()
    np.testing.assert_allclose(found, np.log(rest), rtol=2e-5, atol=1e-6)


def test_certainty_stays_finite() -> None:
    certain = torch.tensor([[[1e4, 0.0, -1e4], [0.0, 300.0, 0.0]]], requires_grad=True)
    loss = false_alarm_loss(certain, torch.tensor([2]))
    (gradient,) = torch.autograd.grad(loss.sum(), certain)
    # log(1 − p): −1e4 at the first step of two, −(300 − log 2) at the second.
    assert loss.item() == pytest.approx((0.5 * 1e4 + (300 - np.log(2))) / 2, rel=1e-6)
    assert gradient.isfinite().all()
    assert gradient[0, 0, 0] > 0  # what was alarmed wrongly goes down
    alone = torch.zeros(1, 2, 1, requires_grad=True)
    (gradient,) = torch.autograd.grad(false_alarm_loss(alone, torch.tensor([0])).sum(), alone)
    assert gradient.count_nonzero() == 0


def test_gradient_against_finite_differences() -> None:
    logits = torch.randn(2, 3, 4, dtype=torch.float64).mul(2).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: false_alarm_loss(z, torch.tensor([1, 3])), [logits])


def test_a_false_alarm_costs_more_later() -> None:
    early = torch.tensor([[[0.0, 3.0], [0.0, 0.0]]])
    late = early.flip(1)
    label = torch.tensor([0])
    assert false_alarm_loss(late, label).item() > false_alarm_loss(early, label).item()
