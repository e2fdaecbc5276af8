"""TS-LSTM*: both ways to imitate states against loops over a float64 kernel, and the weights of the terms."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from common.errors import UserError
from distill.losses import classification_loss
from distill.method import LossInputs, Method
from distill.methods.ts_lstm import TS_LSTM, TsLstm, discrepancy, state_error
from distill.models import Outputs

Array = NDArray[np.float64]


def kernel(a: Array, b: Array) -> float:
    return (sum(x * y for x, y in zip(a, b, strict=True)) / len(a)) ** 2


def mmd(student: Array, teacher: Array) -> float:
    """The definition, of the steps of one clip: (N, H) each."""

    def mean(left: Array, right: Array) -> float:
        return float(np.mean([kernel(a, b) for a, b in product(left, right)]))

    return mean(student, student) + mean(teacher, teacher) - 2 * mean(student, teacher)


def test_against_numpy(outputs: Outputs, make_inputs: Callable[[Method], LossInputs]) -> None:
    teacher = make_inputs(TS_LSTM).teacher
    assert teacher is not None
    error, distance = state_error(outputs.states, teacher.states), discrepancy(outputs.states, teacher.states)
    for model, (mine, theirs) in enumerate(zip(outputs.states.numpy(), teacher.states.numpy(), strict=True)):
        clips = list(zip(mine, theirs, strict=True))
        squared = [sum((s - t) ** 2) / len(s) for clip in clips for s, t in zip(*clip, strict=True)]
        assert error[model].item() == pytest.approx(np.mean(squared), rel=1e-12)
        assert distance[model].item() == pytest.approx(np.mean([mmd(*clip) for clip in clips]), rel=1e-10)


def test_the_discrepancy_is_of_the_second_moments() -> None:
    """It vanishes where the steps change places, which the squared error notices, and is never negative."""
    states = torch.randn(1, 2, 10, 64).tanh()
    assert discrepancy(states, states.flip(-2)).item() == pytest.approx(0, abs=1e-8)
    assert state_error(states, states.flip(-2)).item() > 0.1
    assert discrepancy(states, states).item() == 0
    near = states * (1 + 1e-4)  # in float32, where k(s, s) − k(t, t) would be lost in rounding
    exact = discrepancy(states.double(), near.double()).item()
    assert discrepancy(states, near).item() == pytest.approx(exact, rel=1e-3)


def test_weights(outputs: Outputs, make_inputs: Callable[[Method], LossInputs]) -> None:
    inputs = make_inputs(TS_LSTM)
    inputs = inputs._replace(classification_weight=0.25)
    total, terms = TS_LSTM.loss(outputs, inputs, TsLstm(alpha=0.3, mmd=7.0))
    torch.testing.assert_close(total, 0.25 * terms["classification"] + 0.3 * terms["states"] + 7 * terms["mmd"])
    expected = classification_loss(outputs.logits, inputs.labels, inputs.labelled)
    torch.testing.assert_close(terms["classification"], expected)


def test_clips_without_a_label_are_imitated(outputs: Outputs, make_inputs: Callable[[Method], LossInputs]) -> None:
    inputs = make_inputs(TS_LSTM)
    outputs.states.requires_grad_()
    (gradient,) = torch.autograd.grad(TS_LSTM.loss(outputs, inputs, TsLstm()).total.sum(), outputs.states)
    assert (gradient[~inputs.labelled] != 0).all()


def test_gradients_against_finite_differences() -> None:
    student, teacher = torch.randn(2, 1, 2, 3, 4, dtype=torch.float64)
    student.requires_grad_()
    assert torch.autograd.gradcheck(discrepancy, [student, teacher])
    assert torch.autograd.gradcheck(state_error, [student, teacher])


def test_a_teacher_that_does_not_fit_is_refused(outputs: Outputs, make_inputs: Callable[[Method], LossInputs]) -> None:
    inputs = make_inputs(TS_LSTM)
    with pytest.raises(UserError, match="there is none"):
        TS_LSTM.loss(outputs, inputs._replace(teacher=None), TsLstm())
    narrow = Outputs(torch.zeros(*outputs.states.shape[:-1], 2), outputs.logits)
    with pytest.raises(UserError, match="states of 2 units with 8"):
        TS_LSTM.loss(outputs, inputs._replace(teacher=narrow), TsLstm())
