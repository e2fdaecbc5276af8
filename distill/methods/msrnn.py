"""MSRNN: regression to soft labels that are learned along (Hu et al., ECCV 2016 and TPAMI 2018).

    L = 1/N Σ_n ‖f_n − s_n(y) 1_y‖² + λ 1/C Σ_c Σ_{n≥2} (s_n(c) − s_{n−1}(c))²,   0 ≤ s_1 ≤ … ≤ s_N = 1

f_n is the network's linear output, 1_y the one-hot label, s_n(c) how much of class c shows at level n. Confirmed: soft
labels of each level and class, learned together with the predictor, which is recurrent. Not confirmed (its text was not
open to us): the formula, a reading. Ours: s is the running sum over n of a softmax over the N levels, so that the
constraints hold by construction and SGD learns it where the paper alternates; it begins as n/N. Without the second term
s = f = 0 before the last level would cost nothing, and with a small λ they go that way. "RNN" is a GRU here, ‖W‖² is
the recipe's weight decay, and the relations between sub-sequences are left out.

The predicted class is argmax f. A softmax of f keeps it, but as a probability it means nothing.
"""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from common.config import Config
from distill.losses import Losses, labelled_mean
from distill.method import LossInputs, Method, student_size
from distill.models import Outputs


class Msrnn(Config):
    """MSRNN's soft labels."""

    smoothness: float = Field(default=10.0, ge=0)  # λ; ours: with a smaller one the soft labels of early levels fade


def soft_labels(increments: Tensor) -> Tensor:
    """s of the learned parameters, (..., N, C) each: from 0 to 1 without a step back, and 1 at the last level.

    Each has a part of 1 in N C in the loss. The factor, squared by its way through the gradient, makes up for it;
    without, the soft labels stay nearly where they begin.
    """
    steps, classes = increments.shape[-2:]
    risen = (math.sqrt(steps * classes) * increments).softmax(-2).cumsum(-2)
    return torch.cat([risen[..., :-1, :].clamp(max=1), torch.ones_like(risen[..., :1, :])], -2)  # 1 but for rounding


def regression_loss(outputs: Tensor, labels: Tensor, soft: Tensor) -> Tensor:
    """Squared error of each clip, summed over classes, mean over steps.

    Args:
        outputs: (..., B, N, C).
        labels: (..., B).
        soft: (..., N, C).

    Returns:
        (..., B).
    """
    one_hot = F.one_hot(labels, outputs.shape[-1]).to(outputs.dtype)  # (..., B, C)
    target = soft[..., None, :, :] * one_hot[..., None, :]  # (..., B, N, C)
    return (outputs - target).square().sum(-1).mean(-1)


def roughness(soft: Tensor) -> Tensor:
    """Σ_n (s_n − s_{n−1})², mean over classes: (..., N, C) → (...)."""
    return soft.diff(dim=-2).square().sum(-2).mean(-1)


def _parameters(steps: int, classes: int) -> Mapping[str, Tensor]:
    return {"increments": torch.zeros(steps, classes)}


def _loss(outputs: Outputs, inputs: LossInputs, settings: Msrnn) -> Losses:
    soft = soft_labels(inputs.parameters["increments"])
    terms = {
        "regression": labelled_mean(regression_loss(outputs.logits, inputs.labels, soft), inputs.labelled),
        "roughness": roughness(soft),
    }
    return Losses(terms["regression"] + settings.smoothness * terms["roughness"], terms)


MSRNN = Method(
    title="MSRNN",
    network="gru",
    hidden=student_size,
    loss=_loss,
    parameters=_parameters,
    section="msrnn",
    settings=Msrnn,
    published="MSRNN",
    outputs_are_probabilities=False,
)
