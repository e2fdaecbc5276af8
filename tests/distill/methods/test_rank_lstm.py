"""RankLSTM's two rankings against loops in NumPy, and which step of a pair learns."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from distill.method import LossInputs, Method
from distill.methods.rank_lstm import RANK_LSTM, RankLstm, ranking_loss
from distill.models import Outputs

Array = NDArray[np.float64]


def softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def ranking(logits: Array, label: int, margin: bool) -> float:
    """Of one clip (N, C)."""
    so_far, total = -np.inf, 0.0
    for n, step in enumerate(logits):
        p = softmax(step)
        rank = p[label] - (max(np.delete(p, label)) if margin else 0)
        if n > 0:
            total += max(0.0, so_far - rank)
        so_far = max(so_far, rank)
    return total / len(logits)


@pytest.mark.parametrize("kind", ["score", "margin"])
def test_against_numpy(kind: str, outputs: Outputs, make_inputs: Callable[[Method], LossInputs]) -> None:
    inputs = make_inputs(RANK_LSTM)
    total, terms = RANK_LSTM.loss(outputs, inputs, RankLstm.model_validate({"ranking": kind, "weight": 2.5}))
    for model in range(len(total)):
        logits, labels = outputs.logits[model].numpy(), inputs.labels[model].tolist()
        clips = [clip for clip, readable in enumerate(inputs.labelled[model]) if readable]
        falls = np.mean([ranking(logits[clip], labels[clip], kind == "margin") for clip in clips])
        misses = np.mean([-np.log(softmax(step)[labels[clip]]) for clip in clips for step in logits[clip]])
        assert falls > 0
        assert terms["ranking"][model].item() == pytest.approx(falls, rel=1e-12)
        assert total[model].item() == pytest.approx(misses + 2.5 * falls, rel=1e-12)


@pytest.mark.parametrize("margin", [False, True])
def test_who_never_falls_pays_nothing(margin: bool) -> None:
    rising = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [3.0, 0.0]]])
    assert ranking_loss(rising, torch.tensor([0]), margin).item() == 0
    assert ranking_loss(rising, torch.tensor([1]), margin).item() > 0
    alone = torch.zeros(1, 3, 1)  # one class: nothing to be better than
    assert ranking_loss(alone, torch.tensor([0]), margin).item() == 0


def test_the_later_step_learns_and_the_best_before_it_does_not() -> None:
    logits = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [1.0, 0.0]]], requires_grad=True)
    (gradient,) = torch.autograd.grad(ranking_loss(logits, torch.tensor([0]), False).sum(), logits)
    assert gradient[0, :2].count_nonzero() == 0
    assert gradient[0, 2, 0] < 0 < gradient[0, 2, 1]  # a step down the gradient lifts the true class


def test_a_fall_counts_from_the_highest_step_not_from_the_last() -> None:
    down_twice = torch.tensor([[[2.0, 0.0], [1.0, 0.0], [0.0, 0.0]]])
    p = down_twice.softmax(-1)[0, :, 0]
    expected = ((p[0] - p[1]) + (p[0] - p[2])) / 3
    assert ranking_loss(down_twice, torch.tensor([0]), False).item() == pytest.approx(expected.item())
