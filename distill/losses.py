"""The paper's losses, Eq. 1-4, as pure functions of logits.

KL(P || Q) = Σ_c P(c) log(P(c) / Q(c)): the first argument is the target. A softmax of the logits divided by the
temperature makes the probabilities; no T² factor follows. No models, labels' origin or optimisation here.
"""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from manifests.errors import UserError


class Losses(NamedTuple):
    """The value of Eq. 4 and its three terms, each before its weight; a term of weight zero is 0, not computed."""

    total: Tensor
    classification: Tensor
    teacher_student: Tensor
    self_distillation: Tensor


def teacher_student_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Eq. 1: L_ts = 1/N Σ_n KL(T(x_n) || S(x_n)), averaged over the batch.

    Args:
        student_logits: (B, N, C).
        teacher_logits: (B, N, C), from a frozen teacher.
        temperature: both logits are divided by it.
    """
    return _kl_divergence(teacher_logits, student_logits, temperature)


def self_distillation_loss(
    student_logits: Tensor, tau: int = 1, detach_target: bool = True, temperature: float = 1.0
) -> Tensor:
    """Eq. 2: L_self = 1/(N-τ) Σ_{n=1}^{N-τ} KL(S(x_{n+τ}) || S(x_n)), averaged over the batch.

    Args:
        student_logits: (B, N, C).
        tau: lead for peeking into the future, 1 ≤ τ < N.
        detach_target: let no gradient through S(x_{n+τ}): the later output teaches, it does not learn.
        temperature: the logits are divided by it.

    Raises:
        UserError: τ leaves no pair of steps.
    """
    num_steps = student_logits.shape[1]
    if not 1 <= tau < num_steps:
        raise UserError(
            f"tau = {tau} leaves no pair of steps among N = {num_steps} progress levels; "
            f"set distillation.tau to a value from 1 to {num_steps - 1}"
        )
    earlier, later = student_logits[:, :-tau], student_logits[:, tau:]  # (B, N-τ, C) each
    return _kl_divergence(later.detach() if detach_target else later, earlier, temperature)


def classification_loss(student_logits: Tensor, labels: Tensor) -> Tensor:
    """Eq. 3: L_cls = 1/N Σ_n cross-entropy(S(x_n), y), averaged over the batch.

    Args:
        student_logits: (B, N, C).
        labels: (B,), one a sequence.
    """
    every_step = labels[:, None].expand(student_logits.shape[:2])  # (B, N)
    return F.cross_entropy(student_logits.flatten(0, 1), every_step.flatten())


def combined_loss(
    student_logits: Tensor,
    labels: Tensor,
    teacher_logits: Tensor | None = None,
    *,
    alpha: float = 0.0,
    beta: float = 0.0,
    tau: int = 1,
    temperature: float = 1.0,
    detach_target: bool = True,
) -> Losses:
    """Eq. 4: L = L_cls + α L_ts + β L_self.

    Args:
        student_logits: (B, N, C).
        labels: (B,).
        teacher_logits: (B, N, C); needed where α > 0.
        alpha: weight of Eq. 1.
        beta: weight of Eq. 2.
        tau: see `self_distillation_loss`.
        temperature: of Eq. 1 and Eq. 2; Eq. 3 has none.
        detach_target: see `self_distillation_loss`.

    Raises:
        UserError: α > 0 without a teacher, or τ leaves no pair of steps.
    """
    classification = classification_loss(student_logits, labels)
    teacher_student = self_distillation = classification.new_zeros(())
    total = classification
    if alpha > 0:
        if teacher_logits is None:
            raise UserError(f"alpha = {alpha} weighs a teacher, and there is none; give one or set alpha to 0")
        teacher_student = teacher_student_loss(student_logits, teacher_logits, temperature)
        total = total + alpha * teacher_student
    if beta > 0:
        self_distillation = self_distillation_loss(student_logits, tau, detach_target, temperature)
        total = total + beta * self_distillation
    return Losses(total, classification, teacher_student, self_distillation)


def _kl_divergence(target_logits: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """Mean over batch and steps of KL(softmax(target) || softmax(logits)); both (B, N, C)."""
    log_target = F.log_softmax(target_logits / temperature, dim=-1)
    log_probabilities = F.log_softmax(logits / temperature, dim=-1)
    return F.kl_div(log_probabilities, log_target, reduction="none", log_target=True).sum(-1).mean()
