"""The paper's method and its two halves: L = L_cls + α L_ts + β L_self (Eq. 4).

`with` has both distillation terms. `teacher_student` has L_ts only (β = 0; paper, section 3.2), `self_distillation` has
L_self only (α = 0). Clips without a label are in L_ts and L_self only (paper, section 3.4).
"""

from distill.losses import Losses, combined_loss
from distill.method import LossInputs, Method, student_size
from distill.models import Outputs
from manifests.recipes.training import Distillation


def _with(outputs: Outputs, inputs: LossInputs, settings: Distillation) -> Losses:
    return combined_loss(
        outputs.logits,
        inputs.labels,
        inputs.teacher.logits if inputs.teacher else None,
        labelled=inputs.labelled,
        running=inputs.running,
        counted=inputs.counted,
        classification_weight=inputs.classification_weight,
        **settings.model_dump(),
    )


def _teacher_student(outputs: Outputs, inputs: LossInputs, settings: Distillation) -> Losses:
    return _with(outputs, inputs, settings.model_copy(update={"beta": 0.0}))


def _self_distillation(outputs: Outputs, inputs: LossInputs, settings: Distillation) -> Losses:
    return _with(outputs, inputs, settings.model_copy(update={"alpha": 0.0}))


WITH = Method(
    title="With distillation",
    network="gru",
    hidden=student_size,
    loss=_with,
    teacher="teacher",
    unlabelled=True,
    takes_lengths=True,
    takes_drawn_ratios=True,
    needs_tau=True,
    section="distillation",
    settings=Distillation,
    published="GRU with distillation",
)
TEACHER_STUDENT = Method(
    title="Teacher-student only",
    network="gru",
    hidden=student_size,
    loss=_teacher_student,
    teacher="teacher",
    unlabelled=True,
    takes_lengths=True,
    takes_drawn_ratios=True,
    section="distillation",
    settings=Distillation,
    published="GRU with teacher-student distillation only",
)
SELF_DISTILLATION = Method(
    title="Self-distillation only",
    network="gru",
    hidden=student_size,
    loss=_self_distillation,
    unlabelled=True,
    takes_lengths=True,
    takes_drawn_ratios=True,
    needs_tau=True,
    section="distillation",
    settings=Distillation,
)
