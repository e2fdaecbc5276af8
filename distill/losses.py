"""The losses of the paper (sections 2.2 and 2.3) as functions of logits.

    Eq. 1  L_ts    teacher-student distillation   `teacher_student_loss`
    Eq. 2  L_self  self-distillation              `self_distillation_loss`
    Eq. 3  L_cls   classification                 `classification_loss`
    Eq. 4  L       the combined loss              `combined_loss`

Clips may have M ≤ N segments each. `running` is True at those that a clip has; its mean is then over these, with M in
place of N. None: all clips have N.

Each mean over segments may be of one output for each clip: `counted` is True at it, and the others do not count.

KL(P || Q) = Σ_c P(c) log(P(c) / Q(c)); the first argument is the target. The probabilities are a softmax of the logits
divided by the temperature; there is no factor T². Axes before (B, N, C) are separate models, each with its own loss.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from common.errors import UserError


class Losses(NamedTuple):
    """The total loss of each model, (...), and its terms by name, each without its weight."""

    total: Tensor
    terms: Mapping[str, Tensor]


def running_segments(lengths: Tensor, num_segments: int) -> Tensor:
    """Return which of N segments clips with so many segments have: (..., B) → (..., B, N) bool."""
    return torch.arange(num_segments, device=lengths.device) < lengths[..., None]


def segment_mean(values: Tensor, running: Tensor | None = None) -> Tensor:
    """Return the mean of each clip over its segments, 0 if it has none: (..., B, N) → (..., B)."""
    if running is None:
        return values.mean(-1)
    return values.where(running, 0).sum(-1) / running.sum(-1).clamp(min=1)


def teacher_student_loss(
    student_logits: Tensor, teacher_logits: Tensor, temperature: float = 1.0, running: Tensor | None = None
) -> Tensor:
    """Eq. 1: L_ts = 1/N Σ_n KL(T(x_n) || S(x_n)), averaged over the batch.

    Args:
        student_logits: (..., B, N, C).
        teacher_logits: (..., B, N, C), of a frozen teacher.
        temperature: divides the logits of both.
        running: (..., B, N) bool, see above.
    """
    return _kl_divergence(teacher_logits, student_logits, temperature, running)


def self_distillation_loss(
    student_logits: Tensor,
    tau: int = 1,
    detach_target: bool = True,
    temperature: float = 1.0,
    running: Tensor | None = None,
    counted: Tensor | None = None,
) -> Tensor:
    """Eq. 2: L_self = 1/(N-τ) Σ_{n=1}^{N-τ} KL(S(x_{n+τ}) || S(x_n)), averaged over the batch.

    Args:
        student_logits: (..., B, N, C).
        tau: the lead time, 1 ≤ τ < N.
        detach_target: no gradient flows through S(x_{n+τ}), so the later output is a fixed target.
        temperature: divides the logits.
        running: (..., B, N) bool, see above. A clip without a pair of segments has a loss of 0.
        counted: (..., B, N) bool, the segment n of the one pair of each clip that counts. A clip has a loss of 0 if its
            segment n + τ does not exist.

    Raises:
        UserError: τ leaves no pair of segments.
    """
    check_tau(tau, student_logits.shape[-2])
    earlier, later = student_logits[..., :-tau, :], student_logits[..., tau:, :]  # (..., B, N-τ, C) each
    both = None if running is None else running[..., tau:]  # where n + τ runs, n does too
    if counted is not None:
        both = counted[..., :-tau] if both is None else counted[..., :-tau] & both
    return _kl_divergence(later.detach() if detach_target else later, earlier, temperature, both)


def check_tau(tau: int, num_segments: int) -> None:
    """Refuse a lead time τ for which no segments n and n + τ exist among N segments.

    Raises:
        UserError: τ is not in 1 … N - 1.
    """
    if not 1 <= tau < num_segments:
        raise UserError(
            f"tau = {tau} leaves no pair of segments n and n + tau in N = {num_segments} segments; "
            + (
                f"set distillation.tau to a value from 1 to {num_segments - 1}"
                if num_segments > 1
                else "leave self-distillation out"
            )
        )


def classification_loss(
    student_logits: Tensor, labels: Tensor, labelled: Tensor | None = None, running: Tensor | None = None
) -> Tensor:
    """Eq. 3: L_cls = 1/N Σ_n cross-entropy(S(x_n), y), averaged over the clips of the batch that have a label.

    Args:
        student_logits: (..., B, N, C).
        labels: (..., B), one for each clip.
        labelled: (..., B) bool, which of them may be read; None: all. A batch without labels has a loss of 0.
        running: (..., B, N) bool, see above.
    """
    every_segment = labels[..., None, None].expand(*student_logits.shape[:-1], 1)  # (..., B, N, 1)
    of_segment = -F.log_softmax(student_logits, -1).gather(-1, every_segment).squeeze(-1)  # (..., B, N)
    of_clip = segment_mean(of_segment, running)
    return of_clip.mean(-1) if labelled is None else labelled_mean(of_clip, labelled)


def labelled_mean(of_clip: Tensor, labelled: Tensor) -> Tensor:
    """Return the mean over the clips of a batch that have a label, or 0 if none has one: (..., B) → (...)."""
    return (of_clip * labelled).sum(-1) / labelled.sum(-1).clamp(min=1)


def combined_loss(
    student_logits: Tensor,
    labels: Tensor,
    teacher_logits: Tensor | None = None,
    *,
    labelled: Tensor | None = None,
    running: Tensor | None = None,
    counted: Tensor | None = None,
    classification_weight: float = 1.0,
    alpha: float = 0.0,
    beta: float = 0.0,
    tau: int = 1,
    temperature: float = 1.0,
    detach_target: bool = True,
) -> Losses:
    """Eq. 4: L = L_cls + α L_ts + β L_self. A term with weight 0 is not computed.

    Args:
        student_logits: (..., B, N, C).
        labels: (..., B).
        teacher_logits: (..., B, N, C); needed if α > 0.
        labelled: see `classification_loss`; the other two terms use all clips.
        running: (..., B, N) bool, see above.
        counted: (..., B, N) bool, see above.
        classification_weight: weight of L_cls; 1 unless few clips have a label (paper, section 3.4).
        alpha: weight α of Eq. 1.
        beta: weight β of Eq. 2.
        tau: see `self_distillation_loss`.
        temperature: of Eq. 1 and Eq. 2; Eq. 3 has none.
        detach_target: see `self_distillation_loss`.

    Raises:
        UserError: α > 0 without a teacher, or τ leaves no pair of segments.
    """
    outputs = running if counted is None else counted  # those that count in Eq. 1 and Eq. 3
    terms = {"classification": classification_loss(student_logits, labels, labelled, outputs)}
    total = classification_weight * terms["classification"]
    if alpha > 0:
        if teacher_logits is None:
            raise UserError(f"alpha = {alpha} needs a teacher, and there is none; give one or set alpha to 0")
        terms["teacher_student"] = teacher_student_loss(student_logits, teacher_logits, temperature, outputs)
        total = total + alpha * terms["teacher_student"]
    if beta > 0:
        terms["self_distillation"] = self_distillation_loss(
            student_logits, tau, detach_target, temperature, running, counted
        )
        total = total + beta * terms["self_distillation"]
    return Losses(total, terms)


def _kl_divergence(target_logits: Tensor, logits: Tensor, temperature: float, running: Tensor | None = None) -> Tensor:
    """Return the mean of KL(softmax(target) || softmax(logits)) over batch and segments; both are (..., B, N, C)."""
    log_target = F.log_softmax(target_logits / temperature, dim=-1)
    log_probabilities = F.log_softmax(logits / temperature, dim=-1)
    divergence = F.kl_div(log_probabilities, log_target, reduction="none", log_target=True).sum(-1)  # (..., B, N)
    return divergence.mean((-2, -1)) if running is None else segment_mean(divergence, running).mean(-1)
