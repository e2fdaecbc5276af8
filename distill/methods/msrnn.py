"""MSRNN: regression to soft labels that are learned with the network (Hu et al., ECCV 2016 and TPAMI 2018).

    L = 1/N Σ_n ‖f_n − s_n(y) 1_y‖² + λ 1/C Σ_c Σ_{n≥2} (s_n(c) − s_{n−1}(c))²,   0 ≤ s_1 ≤ … ≤ s_N = 1

f_n is the linear output of the network, 1_y the one-hot label, and s_n(c) the soft label of class c at level n.

Where clips differ in their number of segments, the first mean is over the M segments of a clip. Segment n of M is then
at the level ⌈n N / M⌉ of the N soft labels: these say how much of a clip has been observed, and are 1 at its end.

What is confirmed: soft labels for each level and class are learned together with a recurrent predictor. We could not
read the text, so the formula is our reading. Our choices: s is the cumulative sum over n of a softmax over N levels, so
the constraints always hold and SGD can learn s, where the paper alternates between s and the network. At the start s is
n/N. Without the second term, s = f = 0 before the last level would have no loss; a small λ leads there too. The RNN is
a GRU, ‖W‖² is the recipe's weight decay, and the relations between sub-sequences are left out.

The predicted class is argmax f. A softmax of f has the same argmax, but it is no probability.
"""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from common.config import Config
from distill.losses import Losses, labelled_mean, segment_mean
from distill.method import LossInputs, Method, student_size
from distill.models import Outputs


class Msrnn(Config):
    """MSRNN's soft labels."""

    smoothness: float = Field(default=10.0, ge=0)  # λ; ours: with a smaller one the soft labels of early levels fade


def soft_labels(increments: Tensor) -> Tensor:
    """Return s for the learned parameters, both (..., N, C): it grows from 0 to 1 with n, and is 1 at the last level.

    Each parameter has only 1 / (N C) of the loss. The factor √(N C) increases the gradient and the effect of a step;
    without it the soft labels hardly change.
    """
    num_segments, num_classes = increments.shape[-2:]
    risen = (math.sqrt(num_segments * num_classes) * increments).softmax(-2).cumsum(-2)
    return torch.cat(
        [risen[..., :-1, :].clamp(max=1), torch.ones_like(risen[..., :1, :])], -2
    )  # exactly 1, without rounding


def regression_loss(outputs: Tensor, labels: Tensor, soft: Tensor, running: Tensor | None = None) -> Tensor:
    """Return the squared error of each clip: the sum over classes, the mean over segments.

    Args:
        outputs: (..., B, N, C).
        labels: (..., B).
        soft: (..., N, C).
        running: (..., B, N) bool, which segments the clips have; None: all.

    Returns:
        (..., B).
    """
    one_hot = F.one_hot(labels, outputs.shape[-1]).to(outputs.dtype)  # (..., B, C)
    of_clip = soft[..., None, :, :] if running is None else at_levels(soft, running.sum(-1))
    target = of_clip * one_hot[..., None, :]  # (..., B, N, C)
    return segment_mean((outputs - target).square().sum(-1), running)


def at_levels(soft: Tensor, lengths: Tensor) -> Tensor:
    """Return the soft labels after each segment of clips of M segments: (..., N, C) → (..., B, N, C).

    Args:
        soft: of the N levels.
        lengths: (..., B), M of each clip. After segment M the labels are those of its end.
    """
    num_segments = soft.shape[-2]
    segments = torch.arange(1, num_segments + 1, device=lengths.device)
    own = lengths.clamp(min=1)[..., None]
    levels = (-(-segments * num_segments // own)).clamp(max=num_segments) - 1  # (..., B, N), from 0
    every = soft[..., None, :, :].expand(*levels.shape, soft.shape[-1])
    return every.gather(-2, levels[..., None].expand_as(every))


def roughness(soft: Tensor) -> Tensor:
    """Return Σ_n (s_n − s_{n−1})², the mean over classes: (..., N, C) → (...)."""
    return soft.diff(dim=-2).square().sum(-2).mean(-1)


def _parameters(num_segments: int, num_classes: int) -> Mapping[str, Tensor]:
    return {"increments": torch.zeros(num_segments, num_classes)}


def _loss(outputs: Outputs, inputs: LossInputs, settings: Msrnn) -> Losses:
    soft = soft_labels(inputs.parameters["increments"])
    terms = {
        "regression": labelled_mean(
            regression_loss(outputs.logits, inputs.labels, soft, inputs.running), inputs.labelled
        ),
        "roughness": roughness(soft),
    }
    return Losses(terms["regression"] + settings.smoothness * terms["roughness"], terms)


MSRNN = Method(
    title="MSRNN",
    network="gru",
    hidden=student_size,
    loss=_loss,
    parameters=_parameters,
    takes_lengths=True,
    section="msrnn",
    settings=Msrnn,
    published="MSRNN",
    outputs_are_probabilities=False,
)
