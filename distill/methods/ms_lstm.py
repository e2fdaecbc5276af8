"""MS-LSTM's loss on one LSTM: the weight of false alarms grows with time (Aliakbarian et al., ICCV 2017).

    L = 1/N Σ_n [ −log p_n(y) − n/N Σ_{c≠y} log(1 − p_n(c)) ]

What the authors' code confirms: the two terms, and the weight n/N of the second. The published loss is C⁻¹ Σ_n […]. We
leave its constant C/N to the learning rate, so that the first term is that of the other methods. The two stages of the
network (context-aware and action-aware features) are left out, because they need feature maps and we have vectors. The
other two weights of the code are left out too.
"""

import torch
from torch import Tensor

from distill.losses import Losses, classification_loss, labelled_mean, segment_mean
from distill.method import LossInputs, Method, student_size
from distill.models import Outputs


def log_of_rest(logits: Tensor) -> Tensor:
    """Return log(1 − p(c)) of every class, exact also if p(c) is close to 1: (..., C) → (..., C).

    `log1p` is exact for probabilities up to 1/2. Only one class can have more; for it, the other classes are summed.
    """
    log_probabilities = logits.log_softmax(-1)
    top = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, logits.argmax(-1, keepdim=True), True)
    others = log_probabilities.masked_fill(top, -torch.inf).logsumexp(-1, keepdim=True)
    return torch.where(top, others, torch.log1p(-log_probabilities.exp().masked_fill(top, 0)))


def false_alarm_loss(logits: Tensor, labels: Tensor, running: Tensor | None = None) -> Tensor:
    """Return 1/N Σ_n n/N Σ_{c≠y} −log(1 − p_n(c)) of each clip (..., B), for logits (..., B, N, C), labels (..., B).

    A clip with M segments, of which `running` (..., B, N) is True, has M in place of N.
    """
    num_segments = logits.shape[-2]
    true = labels[..., None, None].expand(*logits.shape[:-1], 1)
    alarms = -log_of_rest(logits).scatter(-1, true, 0).sum(-1)  # (..., B, N)
    progress = torch.arange(1, num_segments + 1, device=logits.device, dtype=logits.dtype)
    progress = progress / (num_segments if running is None else running.sum(-1, keepdim=True))
    return segment_mean(progress * alarms, running)


def _loss(outputs: Outputs, inputs: LossInputs, settings: None) -> Losses:
    terms = {
        "classification": classification_loss(outputs.logits, inputs.labels, inputs.labelled, inputs.running),
        "false_alarms": labelled_mean(false_alarm_loss(outputs.logits, inputs.labels, inputs.running), inputs.labelled),
    }
    return Losses(terms["classification"] + terms["false_alarms"], terms)


MS_LSTM = Method(title="MS-LSTM loss", network="lstm", hidden=student_size, loss=_loss, takes_lengths=True)
