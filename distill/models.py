"""The networks that classify after every segment, and their outputs for many clips.

A network has a recurrent layer over the segments and one linear classifier for all of them. The paper's student is
`gru`, its teacher is `bigru` (paper, section 2.1).
"""

import contextlib
from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distill.observation import at_ratios

Kind = Literal["gru", "bigru", "lstm", "bilstm", "cumulative_mean"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Outputs(NamedTuple):
    """The outputs of a network for sequences of features.

    Attributes:
        states: (..., B, N, H), the state of the recurrent layer after each segment; both directions are concatenated.
        logits: (..., B, N, C).
    """

    states: Tensor
    logits: Tensor


class Classifier(nn.Module):
    """A network of one kind.

    The outputs of `gru` and `lstm` after segment n depend on segments 1…n. So do those of `cumulative_mean`, which has
    the mean of the features instead of a recurrent layer. The outputs of `bigru` and `bilstm` depend on all N segments.

    Args:
        kind: see above.
        feature_dim: D.
        hidden: units per direction; ignored by `cumulative_mean`.
        num_classes: C.
    """

    def __init__(self, kind: Kind, feature_dim: int, hidden: int, num_classes: int) -> None:
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
        """Return the states (B, N, H) after each segment of features (B, N, D)."""
        if self.recurrent is None:
            return cumulative_mean(features)
        states: Tensor = self.recurrent(features)[0]
        return states

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits (B, N, C) after each segment of features (B, N, D)."""
        logits: Tensor = self.classifier(self.states(features))
        return logits


def cumulative_mean(features: Tensor) -> Tensor:
    """Return the mean of segments 1…n for each n: (..., N, D) → (..., N, D)."""
    count = torch.arange(1, features.shape[-2] + 1, device=features.device, dtype=features.dtype)
    return features.cumsum(-2) / count[:, None]


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Compute in float32. Without this, cuDNN runs recurrent layers in TF32."""
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield


def predict_outputs(model: Classifier, features: Tensor, batch_size: int = 256) -> Outputs:
    """Return the states and logits, on the model's device, of features (clips, N, D).

    The model is put into evaluation mode and stays in it.
    """
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad(), full_precision():
        states = torch.cat([model.states(batch.to(device)) for batch in torch.split(features, batch_size)])
        return Outputs(states, model.classifier(states))


def predict_probabilities(
    model: Classifier, features: Tensor, batch_size: int = 256, lengths: Tensor | None = None
) -> NDArray[np.float32]:
    """Return the class probabilities (clips, N, C) of features (clips, N, D), as float32 on the CPU.

    Args:
        model: the network.
        features: of all clips.
        batch_size: clips at a time.
        lengths: (clips,), how many segments each clip has, if they differ. The probabilities are then (clips, 10, C),
            see `distill.observation.at_ratios`.
    """
    logits = predict_outputs(model, features, batch_size).logits
    if lengths is not None:
        logits = at_ratios(logits, lengths.to(logits.device))
    probabilities: NDArray[np.float32] = logits.softmax(-1).cpu().numpy()
    return probabilities
