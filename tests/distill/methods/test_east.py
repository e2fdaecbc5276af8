"""EAST-like: the random level and the whole clip, by hand; over many draws, every level as often as any other."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from distill.method import LossInputs, Method
from distill.methods.east import EAST, East
from distill.models import Outputs


def test_against_numpy(outputs: Outputs, make_inputs: Callable[[Method], LossInputs]) -> None:
    inputs = make_inputs(EAST)
    total, terms = EAST.loss(outputs, inputs, East(oracle=0.4))
    models, batch, steps, _ = outputs.logits.shape
    drawn = inputs.draw(batch).numpy()
    for model in range(models):
        observed, oracle = [], []
        for clip in (clip for clip in range(batch) if inputs.labelled[model, clip]):
            powers = np.exp(outputs.logits[model, clip].numpy())
            surprise = -np.log(powers / powers.sum(-1, keepdims=True))[:, int(inputs.labels[model, clip])]
            observed.append(surprise[int(drawn[model, clip] * steps)])
            oracle.append(surprise[-1])
        assert terms["observed"][model].item() == pytest.approx(np.mean(observed), rel=1e-12)
        assert total[model].item() == pytest.approx(np.mean(observed) + 0.4 * np.mean(oracle), rel=1e-12)


def test_with_lengths_the_level_is_drawn_from_a_clip_s_own_and_its_last_one_is_the_oracle(
    outputs: Outputs, make_inputs: Callable[[Method], LossInputs]
) -> None:
    inputs = make_inputs(EAST)
    lengths = [1, 3, 2, 4, 1]
    running = (torch.arange(4) < torch.tensor(lengths)[:, None]).expand(3, -1, -1)
    logits = outputs.logits.masked_fill(~running[..., None], torch.nan)
    total, terms = EAST.loss(Outputs(outputs.states, logits), inputs._replace(running=running), East(oracle=0.4))
    drawn = inputs.draw(5).numpy()
    for model in range(len(logits)):
        observed, oracle = [], []
        for clip in (clip for clip in range(5) if inputs.labelled[model, clip]):
            powers = np.exp(logits[model, clip, : lengths[clip]].numpy())
            surprise = -np.log(powers / powers.sum(-1, keepdims=True))[:, int(inputs.labels[model, clip])]
            observed.append(surprise[int(drawn[model, clip] * lengths[clip])])
            oracle.append(surprise[-1])
        assert terms["observed"][model].item() == pytest.approx(np.mean(observed), rel=1e-12)
        assert total[model].item() == pytest.approx(np.mean(observed) + 0.4 * np.mean(oracle), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_clips_that_all_have_n_segments_have_the_loss_of_equal_parts(
    outputs: Outputs, make_inputs: Callable[[Method], LossInputs], dtype: torch.dtype
) -> None:
    inputs, made = make_inputs(EAST), Outputs(outputs.states.to(dtype), outputs.logits.to(dtype))
    running = torch.ones(outputs.logits.shape[:-1], dtype=torch.bool)
    plain, masked = (EAST.loss(made, inputs._replace(running=mask), East()).total for mask in (None, running))
    assert torch.equal(plain, masked)


def test_only_the_drawn_level_and_the_last_learn() -> None:
    logits = torch.zeros(1, 4, 10, 3, requires_grad=True)
    draw = torch.tensor([[0.0, 0.35, 0.5, 1 - 2**-24]])  # the largest float32 below 1 included
    inputs = LossInputs(torch.tensor([[0, 1, 2, 0]]), torch.ones(1, 4, dtype=torch.bool), None, {}, lambda *shape: draw)
    (gradient,) = torch.autograd.grad(EAST.loss(Outputs(logits, logits), inputs, East()).total.sum(), logits)
    learns = gradient[0].any(-1)
    assert [row.nonzero().flatten().tolist() for row in learns] == [[0, 9], [3, 9], [5, 9], [9]]


def test_every_level_is_drawn_as_often() -> None:
    clips, steps = 20_000, 5
    logits = torch.zeros(1, clips, steps, 2, requires_grad=True)
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(1, *shape, generator=generator)

    inputs = LossInputs(torch.zeros(1, clips, dtype=torch.long), torch.ones(1, clips, dtype=torch.bool), None, {}, draw)
    observed = EAST.loss(Outputs(logits, logits), inputs, East()).terms["observed"]
    (gradient,) = torch.autograd.grad(observed.sum(), logits)
    shares = gradient[0, :, :, 0].ne(0).double().mean(0)
    torch.testing.assert_close(shares, torch.full((steps,), 0.2, dtype=torch.double), atol=0.015, rtol=0)
