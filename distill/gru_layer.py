"""The recurrence of stacked GRUs with a gradient of our own, because autograd needs 1.5 times as long.

The steps follow one another, but the gradient of the recurrent weights is one product over all steps. Autograd would
compute it step by step. The projection of the inputs has no recurrence; `stack.py` computes it.
"""

from typing import Any

import torch
from torch import Tensor


def gru_states(projected: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the states of M GRUs that start from a state of zero, with gates in torch's order (reset, update, new).

    r = σ(x_r + u_r), z = σ(x_z + u_z), n = tanh(x_n + r u_n), h' = n + z (h - n), with u = h W + b.

    Args:
        projected: (M, B, N, 3 H), x: the projections of the inputs.
        weight: (M, H, 3 H), W.
        bias: (M, 1, 3 H), b.

    Returns:
        (M, B, N, H).
    """
    states: Tensor = _Gru.apply(projected, weight, bias)
    return states


class _Gru(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, projected: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        models, batch, steps, width = projected.shape
        hidden = width // 3
        states = projected.new_zeros(steps + 1, models, batch, hidden)  # the first is zero
        gates = projected.new_empty(steps, models, batch, 2 * hidden)  # r, z
        new = projected.new_empty(steps, models, batch, hidden)
        recurrent_new = torch.empty_like(new)
        recurrent = projected.new_empty(models, batch, width)
        for n in range(steps):
            torch.baddbmm(bias, states[n], weight, out=recurrent)
            torch.add(projected[:, :, n, : 2 * hidden], recurrent[..., : 2 * hidden], out=gates[n]).sigmoid_()
            recurrent_new[n] = recurrent[..., 2 * hidden :]
            torch.addcmul(
                projected[:, :, n, 2 * hidden :], gates[n, ..., :hidden], recurrent_new[n], out=new[n]
            ).tanh_()
            torch.lerp(new[n], states[n], gates[n, ..., hidden:], out=states[n + 1])
        ctx.save_for_backward(weight, states, gates, new, recurrent_new)
        return states[1:].permute(1, 2, 0, 3)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (of_states,) = gradients  # (M, B, N, H)
        weight, states, gates, new, recurrent_new = ctx.saved_tensors
        steps, models, batch, hidden = new.shape
        of_projected = new.new_empty(models, batch, steps, 3 * hidden)
        of_recurrent = new.new_empty(models, steps, batch, 3 * hidden)
        of_state = torch.zeros_like(new[0])  # (M, B, H), gradient of the state after step n
        for n in reversed(range(steps)):
            of_state = of_state + of_states[:, :, n]
            reset, update = gates[n, ..., :hidden], gates[n, ..., hidden:]
            of_sum = of_state * (1 - update) * (1 - new[n].square())
            at_step = of_projected[:, :, n]
            at_step[..., :hidden] = of_sum * recurrent_new[n] * (reset * (1 - reset))
            at_step[..., hidden : 2 * hidden] = of_state * (states[n] - new[n]) * (update * (1 - update))
            at_step[..., 2 * hidden :] = of_sum
            of_recurrent[:, n] = at_step
            of_recurrent[:, n, :, 2 * hidden :] *= reset
            of_state = torch.baddbmm(of_state * update, of_recurrent[:, n], weight.transpose(1, 2))
        flat = of_recurrent.flatten(1, 2)  # (M, N B, 3 H)
        before = states[:-1].transpose(0, 1).reshape(models, steps * batch, hidden)
        return of_projected, torch.bmm(before.transpose(1, 2), flat), flat.sum(1, keepdim=True)
