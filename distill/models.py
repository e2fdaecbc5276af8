"""The networks that classify at every progress level, and their outputs on many clips.

A layer of memory over the segments and one linear classifier shared by all steps. The paper's student is `gru`, its
teacher `bigru` (§2.1). How several are trained together is in `stack`; no losses, training or files here.
"""

import contextlib
from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Kind = Literal["gru", "bigru", "lstm", "bilstm", "cumulative_mean"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Outputs(NamedTuple):
    """What a network says of sequences.

    Attributes:
        states: (..., B, N, H) the layer's state at each step; of both directions side by side.
        logits: (..., B, N, C).
    """

    states: Tensor
    logits: Tensor


class Classifier(nn.Module):
    """One network of a kind.

    `gru` and `lstm` know segments 1…n at step n, and so does `cumulative_mean`, the mean of the features so far;
    `bigru` and `bilstm` know all N segments at every step.
    """

    def __init__(self, kind: Kind, feature_dim: int, hidden: int, num_classes: int) -> None:
        """Args: kind; D; units per direction (no part in `cumulative_mean`); C."""
        super().__init__()
        self.kind: Kind = kind
        both = kind.startswith("bi")
        self.recurrent: nn.GRU | nn.LSTM | None = None
        if kind.endswith("gru"):
            self.recurrent = nn.GRU(feature_dim, hidden, batch_first=True, bidirectional=both)
        elif kind.endswith("lstm"):
            self.recurrent = nn.LSTM(feature_dim, hidden, batch_first=True, bidirectional=both)
        width = feature_dim if self.recurrent is None else hidden * (2 if both else 1)
        self.classifier = nn.Linear(width, num_classes)

    def states(self, features: Tensor) -> Tensor:
        """Return the states (B, N, H) at every step of features (B, N, D)."""
        if self.recurrent is None:
            return cumulative_mean(features)
        states: Tensor = self.recurrent(features)[0]
        return states

    def forward(self, features: Tensor) -> Tensor:
        """Classify at every step: features (B, N, D) → logits (B, N, C)."""
        logits: Tensor = self.classifier(self.states(features))
        return logits


def cumulative_mean(features: Tensor) -> Tensor:
    """Return the mean of segments 1…n at each n: (..., N, D) → (..., N, D)."""
    count = torch.arange(1, features.shape[-2] + 1, device=features.device, dtype=features.dtype)
    return features.cumsum(-2) / count[:, None]


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Compute in float32 proper: cuDNN would run a recurrent layer in TF32 if not told otherwise."""
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield


def predict_outputs(model: Classifier, features: Tensor, batch_size: int = 256) -> Outputs:
    """Return the states and logits, on the model's device, of features (clips, N, D).

    The model is put into evaluation mode and left there.
    """
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad(), full_precision():
        states = torch.cat([model.states(batch.to(device)) for batch in torch.split(features, batch_size)])
        return Outputs(states, model.classifier(states))


def predict_probabilities(model: Classifier, features: Tensor, batch_size: int = 256) -> NDArray[np.float32]:
    """Return the class probabilities (clips, N, C) of features (clips, N, D), as float32 on the host."""
    logits = predict_outputs(model, features, batch_size).logits
    probabilities: NDArray[np.float32] = logits.softmax(-1).cpu().numpy()
    return probabilities
