"""EAST-like: a loss on one random observation ratio of each clip and on the whole clip (Sović et al., ICLR 2026).

    L = −log p_r(y) − w log p_N(y),   r drawn uniformly from 1 … N for every clip and SGD step

Where clips differ in their number of segments, N is that of each clip.

What the paper's abstract confirms: one model for all ratios, because the end of the observed part is drawn at random;
and joint learning on the observed part and on the whole clip ("oracle"). We could read the abstract only, so these are
our choices: one classifier for both, w = 1, and all ratios equally likely. Token masking and the decoder that forecasts
are left out, because they need a video transformer. Here the encoder is the GRU over segment features.
"""

import torch.nn.functional as F
from pydantic import Field

from common.config import Config
from distill.losses import Losses, labelled_mean
from distill.method import LossInputs, Method, student_size
from distill.models import Outputs


class East(Config):
    """EAST's joint learning on the observed part and the whole clip."""

    oracle: float = Field(default=1.0, ge=0)  # weight of the whole clip's term; the paper's value is not known to us


def _loss(outputs: Outputs, inputs: LossInputs, settings: East) -> Losses:
    lengths = inputs.lengths(outputs)  # (M, B)
    drawn = (inputs.draw(lengths.shape[-1]) * lengths).long()  # (M, B), counted from 0
    true = inputs.labels[..., None, None].expand(*outputs.logits.shape[:-1], 1)
    surprise = -F.log_softmax(outputs.logits, -1).gather(-1, true).squeeze(-1)  # (M, B, N)
    terms = {
        "observed": labelled_mean(surprise.gather(-1, drawn[..., None]).squeeze(-1), inputs.labelled),
        "oracle": labelled_mean(surprise.gather(-1, lengths[..., None] - 1).squeeze(-1), inputs.labelled),
    }
    return Losses(terms["observed"] + settings.oracle * terms["oracle"], terms)


EAST = Method(
    title="EAST-like",
    network="gru",
    hidden=student_size,
    loss=_loss,
    takes_lengths=True,
    section="east",
    settings=East,
)
