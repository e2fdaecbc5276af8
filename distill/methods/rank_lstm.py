"""RankLSTM: the score of the true class must not decrease with more segments (Ma, Sigal & Sclaroff, CVPR 2016).

    L = 1/N Σ_n [ −log p_n(y) + λ max(0, max_{m<n} r_m − r_n) ]
    r_n = p_n(y)                          score ranking
    r_n = p_n(y) − max_{c≠y} p_n(c)       margin ranking

What is confirmed: the classification loss and the two kinds of ranking loss. We could not read the paper; the formulas
and λ = 6 are how other papers report it. Our choices: the mean over n, and no gradient through the earlier maximum,
because otherwise the loss could also be reduced by lower scores at the start.
"""

from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from common.config import Config
from distill.losses import Losses, classification_loss, labelled_mean
from distill.method import LossInputs, Method, student_size
from distill.models import Outputs


class RankLstm(Config):
    """RankLSTM's ranking loss."""

    ranking: Literal["score", "margin"] = "score"  # the probability of the class must not fall, or its margin
    weight: float = Field(default=6.0, ge=0)  # λ; 6 in the paper, as other papers report it


def ranking_loss(logits: Tensor, labels: Tensor, margin: bool, running: Tensor | None = None) -> Tensor:
    """Return the ranking term of each clip, the mean over the N segments; that of the first segment is 0.

    Args:
        logits: (..., B, N, C).
        labels: (..., B).
        margin: rank the margin to the best other class, not the probability.
        running: (..., B, N) bool, the M segments that each clip has; the mean is then over these. None: N.

    Returns:
        (..., B).
    """
    probabilities = logits.softmax(-1)
    true = labels[..., None, None].expand(*logits.shape[:-1], 1)  # (..., B, N, 1)
    rank = probabilities.gather(-1, true).squeeze(-1)
    if margin:
        rank = rank - probabilities.scatter(-1, true, 0).amax(-1)
    reference = rank.detach().cummax(-1).values[..., :-1]  # the maximum before
    falls = F.relu(reference - rank[..., 1:])
    if running is None:
        return falls.sum(-1) / logits.shape[-2]
    return falls.where(running[..., 1:], 0).sum(-1) / running.sum(-1)


def _loss(outputs: Outputs, inputs: LossInputs, settings: RankLstm) -> Losses:
    falls = ranking_loss(outputs.logits, inputs.labels, settings.ranking == "margin", inputs.running)
    terms = {
        "classification": classification_loss(outputs.logits, inputs.labels, inputs.labelled, inputs.running),
        "ranking": labelled_mean(falls, inputs.labelled),
    }
    return Losses(terms["classification"] + settings.weight * terms["ranking"], terms)


RANK_LSTM = Method(
    title="RankLSTM",
    network="lstm",
    hidden=student_size,
    loss=_loss,
    takes_lengths=True,
    section="rank_lstm",
    settings=RankLstm,
    published="RankLSTM",
)
