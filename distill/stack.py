"""M networks of one kind and size as one stack: every product of matrices is computed for all of them at once.

The outputs are those of M separate `models.Classifier`, up to rounding. The parameters have the names of a single
network's parameters, and a first axis of length M.

`torch.func.vmap` cannot do this: it has no rule for nn.GRU ("Batching rule not implemented for aten::gru.input").
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from distill.augmentation import Augmentation
from distill.gru_layer import gru_states
from distill.models import Classifier, Kind, Outputs, cumulative_mean


class Stack:
    """M networks of one kind.

    Args:
        kind: of all networks.
        parameters: by their name in a single network, each (M, ...); they are copied.

    Attributes:
        kind: of all networks.
        parameters: the copies, which are trained.
    """

    def __init__(self, kind: Kind, parameters: Mapping[str, Tensor]) -> None:
        self.kind: Kind = kind
        self.parameters = {
            name: _in_product_layout(tensor.detach()).requires_grad_() for name, tensor in parameters.items()
        }

    @classmethod
    def of(cls, networks: Sequence[Classifier]) -> "Stack":
        """Return a stack of copies of networks, all of one kind and size."""
        states = [network.state_dict() for network in networks]
        return cls(networks[0].kind, {name: torch.stack([state[name] for state in states]) for name in states[0]})

    def __len__(self) -> int:
        return len(next(iter(self.parameters.values())))

    def __call__(self, features: Tensor, augmentation: Augmentation | None = None) -> Outputs:
        """Run every network on its own sequences, or all networks on the same sequences.

        Args:
            features: (M, B, N, D), or (B, N, D) for all networks.
            augmentation: applies dropout to features and states during training; None: no dropout.

        Returns:
            States (M, B, N, H) and logits (M, B, N, C).
        """
        states = self._states(augmentation.drop_input(features) if augmentation else features)
        kept = augmentation.drop_output(states) if augmentation else states
        return Outputs(states, self._linear(kept, "classifier.weight", "classifier.bias"))

    def _states(self, features: Tensor) -> Tensor:
        """Return the states (M, B, N, H) for features (M, B, N, D) or (B, N, D)."""
        if self.kind == "cumulative_mean":
            states = cumulative_mean(features)
            return states if features.dim() == 4 else states.expand(len(self), *states.shape)
        forward = self._layer(features, "")
        if not self.kind.startswith("bi"):
            return forward
        backward = self._layer(features.flip(-2), "_reverse").flip(-2)
        return torch.cat([forward, backward], -1)

    def _layer(self, features: Tensor, suffix: str) -> Tensor:
        """Return the states of one direction of the recurrent layer, which starts from a state of zero."""
        projected = self._linear(features, f"recurrent.weight_ih_l0{suffix}", f"recurrent.bias_ih_l0{suffix}")
        weight, bias = (self.parameters[f"recurrent.{name}_hh_l0{suffix}"] for name in ("weight", "bias"))
        step = gru_states if self.kind.endswith("gru") else _lstm
        return step(projected, weight.transpose(1, 2), bias[:, None])

    def _linear(self, inputs: Tensor, weight: str, bias: str) -> Tensor:
        """Return the products (M, B, N, O) of inputs (M, B, N, I) or (B, N, I) with each network's weight (O, I)."""
        weights, biases = self.parameters[weight], self.parameters[bias]
        batch = inputs.shape[-3:-1]
        if inputs.dim() == 3:  # one product for all networks
            flat = inputs.flatten(0, 1) @ weights.flatten(0, 1).T + biases.flatten()  # (B N, M O)
            return flat.view(*batch, *biases.shape).permute(2, 0, 1, 3)
        flat = torch.baddbmm(biases[:, None], inputs.flatten(1, 2), weights.transpose(1, 2))  # (M, B N, O)
        return flat.view(len(self), *batch, biases.shape[1])


def _in_product_layout(parameter: Tensor) -> Tensor:
    """Return a copy of (M, ...) in the memory layout of the products: a weight (M, O, I) has O as its last axis.

    Its gradient has the same layout, so both are read and written in the order of the memory.
    """
    return (
        parameter.transpose(-1, -2).clone(memory_format=torch.contiguous_format).transpose(-1, -2)
        if parameter.dim() == 3
        else parameter.clone()
    )


def _lstm(projected: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the states (M, B, N, H) of an LSTM with gates in torch's order (input, forget, cell, output).

    The arguments are those of `gru_states`, with 4 H.
    """
    hidden = weight.shape[1]
    state = cell = projected.new_zeros(*projected.shape[:2], hidden)
    states = []
    for gates in projected.unbind(2):
        inputs, forget, new, output = (gates + torch.baddbmm(bias, state, weight)).chunk(4, -1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(inputs) * torch.tanh(new)
        state = torch.sigmoid(output) * torch.tanh(cell)
        states.append(state)
    return torch.stack(states, 2)
