"""MS-LSTM's loss on one LSTM: false alarms cost little at first and more with time (Aliakbarian et al., ICCV 2017).

    L = 1/N Σ_n [ −log p_n(y) − n/N Σ_{c≠y} log(1 − p_n(c)) ]

Confirmed by the authors' code: the two terms and the weight n/N of the second, a miss costing the same from the start.
The published loss is C⁻¹ Σ_n […]; its constant C/N is left to the learning rate, so that a miss costs here what it
costs the other methods. Left out: the two stages of the network (context-aware, then action-aware features), which
need feature maps where we have vectors, and the code's other two weights.
"""

import torch
from torch import Tensor

from distill.losses import Losses, classification_loss, labelled_mean
from distill.method import LossInputs, Method, student_size
from distill.models import Outputs


def log_of_rest(logits: Tensor) -> Tensor:
    """log(1 − p(c)) of every class, exact where p(c) is close to 1: (..., C) → (..., C).

    A probability up to 1/2 leaves enough for `log1p`; of the one class that may have more, the others are summed.
    """
    log_probabilities = logits.log_softmax(-1)
    top = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, logits.argmax(-1, keepdim=True), True)
    others = log_probabilities.masked_fill(top, -torch.inf).logsumexp(-1, keepdim=True)
    return torch.where(top, others, torch.log1p(-log_probabilities.exp().masked_fill(top, 0)))


def false_alarm_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """1/N Σ_n n/N Σ_{c≠y} −log(1 − p_n(c)) of each clip: logits (..., B, N, C), labels (..., B) → (..., B)."""
    steps = logits.shape[-2]
    true = labels[..., None, None].expand(*logits.shape[:-1], 1)
    alarms = -log_of_rest(logits).scatter(-1, true, 0).sum(-1)  # (..., B, N)
    progress = torch.arange(1, steps + 1, device=logits.device, dtype=logits.dtype) / steps
    return (progress * alarms).mean(-1)


def _loss(outputs: Outputs, inputs: LossInputs, settings: None) -> Losses:
    terms = {
        "classification": classification_loss(outputs.logits, inputs.labels, inputs.labelled),
        "false_alarms": labelled_mean(false_alarm_loss(outputs.logits, inputs.labels), inputs.labelled),
    }
    return Losses(terms["classification"] + terms["false_alarms"], terms)


MS_LSTM = Method(title="MS-LSTM loss", network="lstm", hidden=student_size, loss=_loss)
