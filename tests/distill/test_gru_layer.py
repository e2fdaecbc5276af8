"""The recurrence whose gradient is written by hand, against torch's own and against finite differences."""

import torch

from distill.gru_layer import gru_states


def test_states_and_gradients_are_those_of_torch() -> None:
    torch.manual_seed(0)
    models, batch, steps, hidden = 3, 4, 6, 5
    networks = [torch.nn.GRU(7, hidden, batch_first=True).double() for _ in range(models)]
    inputs = torch.randn(models, batch, steps, 7, dtype=torch.float64)
    weigh = torch.randn(models, batch, steps, hidden, dtype=torch.float64)
    given = torch.stack([x @ net.weight_ih_l0.T + net.bias_ih_l0 for x, net in zip(inputs, networks, strict=True)])
    weight = torch.stack([net.weight_hh_l0.T for net in networks]).detach().requires_grad_()
    bias = torch.stack([net.bias_hh_l0[None] for net in networks]).detach().requires_grad_()
    states = gru_states(given, weight, bias)
    torch.autograd.backward((states * weigh).sum())
    assert weight.grad is not None and bias.grad is not None
    for model, net in enumerate(networks):
        own = torch.autograd.grad(
            (net(inputs[model])[0] * weigh[model]).sum(), [net.weight_ih_l0, net.weight_hh_l0, net.bias_hh_l0]
        )
        torch.testing.assert_close(states[model], net(inputs[model])[0], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(weight.grad[model].T, own[1], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(bias.grad[model, 0], own[2], rtol=1e-12, atol=1e-12)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(1)
    given, weight, bias = (
        torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 3, 4, 6), (2, 2, 6), (2, 1, 6))
    )
    assert torch.autograd.gradcheck(gru_states, (given, weight, bias))
