"""The step of a model as one network: the features of one segment and a state → class probabilities and a new state.

A live stream takes it after each segment, and an exported graph contains it. All seeds of the model are inside, and
their probabilities are averaged, as `Recogniser` does. The state is one tensor, which is zero before the first segment.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from common.errors import UserError
from distill.models import Classifier


class _Cell(nn.Module, ABC):
    """One classifier after one segment.

    Attributes:
        state_width: how many numbers it keeps from segment to segment.
    """

    state_width: int

    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.classifier = network.classifier

    @abstractmethod
    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits (B, C) and the new state (B, K) for the features (B, D) of a segment and a state (B, K)."""


class _RecurrentCell(_Cell):
    """The weights of a recurrent layer of one direction."""

    def __init__(self, network: Classifier) -> None:
        super().__init__(network)
        layer = network.recurrent
        assert layer is not None
        self.hidden = layer.hidden_size
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        self.weights = nn.ParameterList([layer.get_parameter(name) for name in names])


class _GruCell(_RecurrentCell):
    """The state is that of the GRU."""

    def __init__(self, network: Classifier) -> None:
        super().__init__(network)
        self.state_width = self.hidden

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        new = torch.gru_cell(features, state, *self.weights)
        return self.classifier(new), new


class _LstmCell(_RecurrentCell):
    """The state is the output of the LSTM, then its memory."""

    def __init__(self, network: Classifier) -> None:
        super().__init__(network)
        self.state_width = 2 * self.hidden

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        output, memory = torch.lstm_cell(features, torch.split(state, self.hidden, 1), *self.weights)
        return self.classifier(output), torch.cat([output, memory], 1)


class _MeanCell(_Cell):
    """The state is the sum of the features of all segments so far, then their number."""

    def __init__(self, network: Classifier) -> None:
        super().__init__(network)
        self.state_width = network.classifier.in_features + 1

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        new = state + torch.cat([features, torch.ones_like(state[:, :1])], 1)
        return self.classifier(new[:, :-1] / new[:, -1:]), new


CELLS: dict[str, type[_Cell]] = {"gru": _GruCell, "lstm": _LstmCell, "cumulative_mean": _MeanCell}


class ModelStep(nn.Module):
    """All networks of a model after one segment.

    Args:
        networks: each with the streams whose features it takes, in the order in which they are concatenated.
        streams: all streams, in the order of the inputs.

    Attributes:
        streams: as above.
        state_width: K, over all networks.

    Raises:
        UserError: a network sees the whole recording before its first answer, so it has no step.
    """

    def __init__(self, networks: Sequence[tuple[Classifier, tuple[str, ...]]], streams: tuple[str, ...]) -> None:
        super().__init__()
        for network, _ in networks:
            if network.kind not in CELLS:
                raise UserError(
                    f"a network of the kind {network.kind} sees the whole recording before its first answer, so there "
                    "is no step from segment to segment; choose another method (--method)"
                )
        self.streams = streams
        self.taken = tuple(tuple(streams.index(name) for name in own) for _, own in networks)
        cells = [CELLS[network.kind](network) for network, _ in networks]
        self.widths = [cell.state_width for cell in cells]
        self.state_width = sum(self.widths)
        self.cells = nn.ModuleList(cells)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probabilities (B, C) and the new state (B, K).

        Args:
            inputs: the features (B, D) of a segment for each stream, then the state (B, K).
        """
        *features, state = inputs
        probabilities, states = [], []
        for cell, taken, own in zip(self.cells, self.taken, torch.split(state, self.widths, 1), strict=True):
            logits, new = cell(torch.cat([features[place] for place in taken], 1), own)
            probabilities.append(logits.softmax(-1))
            states.append(new)
        return torch.stack(probabilities).mean(0), torch.cat(states, 1)
