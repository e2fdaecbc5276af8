"""The two recurrent networks of the paper (§2.1), and their outputs on many clips.

Student: one-layer GRU, sees segments 1…n at step n. Teacher: one-layer BiGRU, sees the whole sequence at every step.
No losses, training or files here.
"""

import contextlib
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class _Recurrent(nn.Module):
    """Dropout, one recurrent layer, dropout, and one linear classifier shared by all steps."""

    bidirectional: ClassVar[bool]

    def __init__(
        self,
        feature_dim: int,
        hidden: int,
        num_classes: int,
        input_dropout: float = 0.0,
        output_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.input_dropout = nn.Dropout(input_dropout)
        self.gru = nn.GRU(feature_dim, hidden, batch_first=True, bidirectional=self.bidirectional)
        self.output_dropout = nn.Dropout(output_dropout)
        self.classifier = nn.Linear(hidden * (2 if self.bidirectional else 1), num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Classify at every step: features (B, N, D) → logits (B, N, C)."""
        states, _ = self.gru(self.input_dropout(features))  # (B, N, hidden), or (B, N, [forward; backward])
        logits: Tensor = self.classifier(self.output_dropout(states))  # (B, N, C)
        return logits


class Student(_Recurrent):
    """One-directional GRU: its logits at step n depend on segments 1…n only."""

    bidirectional = False


class Teacher(_Recurrent):
    """Bidirectional GRU, `hidden` per direction: its logits at step n depend on all N segments."""

    bidirectional = True


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Compute in float32 proper: cuDNN would run a GRU in TF32 if not told otherwise."""
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield


def predict_logits(model: nn.Module, features: Tensor, batch_size: int = 256) -> Tensor:
    """Return the logits (clips, N, C), on the model's device, of features (clips, N, D).

    The model is put into evaluation mode and left there.
    """
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad(), full_precision():
        return torch.cat([model(batch.to(device)) for batch in torch.split(features, batch_size)])


def predict_probabilities(model: nn.Module, features: Tensor, batch_size: int = 256) -> NDArray[np.float32]:
    """Return the class probabilities (clips, N, C) of features (clips, N, D), as float32 on the host."""
    probabilities: NDArray[np.float32] = predict_logits(model, features, batch_size).softmax(-1).cpu().numpy()
    return probabilities
