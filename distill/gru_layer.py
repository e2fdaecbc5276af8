"""The recurrence of stacked GRUs with its gradient written out, half as long again in autograd's hands.

The steps are one after another, but the gradient of the recurrent weights is a single product over all of them, which
autograd would do step by step. The projection of the inputs has no recurrence and is not here.
"""

from typing import Any

import torch
from torch import Tensor


def gru_states(given: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the states of M GRUs from a state of zero, gates in torch's order (reset, update, new).

    r = σ(given_r + own_r), z = σ(given_z + own_z), n = tanh(given_n + r own_n), h' = n + z (h - n); own = h W + b.

    Args:
        given: (M, B, N, 3 H), what the inputs say to the gates.
        weight: (M, H, 3 H), W.
        bias: (M, 1, 3 H), b.

    Returns:
        (M, B, N, H).
    """
    states: Tensor = _Gru.apply(given, weight, bias)
    return states


class _Gru(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        models, batch, steps, width = given.shape
        hidden = width // 3
        states = given.new_zeros(steps + 1, models, batch, hidden)  # the first is zero
        gates = given.new_empty(steps, models, batch, 2 * hidden)  # r, z
        new = given.new_empty(steps, models, batch, hidden)
        own_new = torch.empty_like(new)
        own = given.new_empty(models, batch, width)
        for n in range(steps):
            torch.baddbmm(bias, states[n], weight, out=own)
            torch.add(given[:, :, n, : 2 * hidden], own[..., : 2 * hidden], out=gates[n]).sigmoid_()
            own_new[n] = own[..., 2 * hidden :]
            torch.addcmul(given[:, :, n, 2 * hidden :], gates[n, ..., :hidden], own_new[n], out=new[n]).tanh_()
            torch.lerp(new[n], states[n], gates[n, ..., hidden:], out=states[n + 1])
        ctx.save_for_backward(weight, states, gates, new, own_new)
        return states[1:].permute(1, 2, 0, 3)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (of_states,) = gradients  # (M, B, N, H)
        weight, states, gates, new, own_new = ctx.saved_tensors
        steps, models, batch, hidden = new.shape
        of_given = new.new_empty(models, batch, steps, 3 * hidden)
        of_own = new.new_empty(models, steps, batch, 3 * hidden)
        of_state = torch.zeros_like(new[0])  # (M, B, H), of the state after step n, carried backwards
        for n in reversed(range(steps)):
            of_state = of_state + of_states[:, :, n]
            reset, update = gates[n, ..., :hidden], gates[n, ..., hidden:]
            of_sum = of_state * (1 - update) * (1 - new[n].square())
            at_step = of_given[:, :, n]
            at_step[..., :hidden] = of_sum * own_new[n] * (reset * (1 - reset))
            at_step[..., hidden : 2 * hidden] = of_state * (states[n] - new[n]) * (update * (1 - update))
            at_step[..., 2 * hidden :] = of_sum
            of_own[:, n] = at_step
            of_own[:, n, :, 2 * hidden :] *= reset
            of_state = torch.baddbmm(of_state * update, of_own[:, n], weight.transpose(1, 2))
        flat = of_own.flatten(1, 2)  # (M, N B, 3 H)
        before = states[:-1].transpose(0, 1).reshape(models, steps * batch, hidden)
        return of_given, torch.bmm(before.transpose(1, 2), flat), flat.sum(1, keepdim=True)
