"""The paper's method, and its two halves: L = L_cls + α L_ts + β L_self (Eq. 4).

`with` has both terms, `teacher_student` only the first (β = 0, "without self-distillation" in §3.2),
`self_distillation` only the second (α = 0). Clips without a label enter L_ts and L_self alone (§3.4).
"""

from distill.losses import Losses, combined_loss
from distill.method import Lesson, Method, student_hidden
from distill.models import Outputs
from manifests.recipes.recipe import Recipe


def _eq4(outputs: Outputs, lesson: Lesson, recipe: Recipe, alpha: float, beta: float) -> Losses:
    terms = recipe.distillation
    return combined_loss(
        outputs.logits,
        lesson.labels,
        lesson.teacher.logits if lesson.teacher else None,
        labelled=lesson.labelled,
        classification_weight=recipe.labels.classification_weight,
        alpha=alpha,
        beta=beta,
        tau=terms.tau,
        temperature=terms.temperature,
        detach_target=terms.detach_target,
    )


def _both(outputs: Outputs, lesson: Lesson, recipe: Recipe) -> Losses:
    return _eq4(outputs, lesson, recipe, recipe.distillation.alpha, recipe.distillation.beta)


def _teacher_student(outputs: Outputs, lesson: Lesson, recipe: Recipe) -> Losses:
    return _eq4(outputs, lesson, recipe, recipe.distillation.alpha, 0.0)


def _self_distillation(outputs: Outputs, lesson: Lesson, recipe: Recipe) -> Losses:
    return _eq4(outputs, lesson, recipe, 0.0, recipe.distillation.beta)


WITH = Method(
    "With distillation",
    "gru",
    student_hidden,
    _both,
    "teacher",
    unlabelled=True,
    needs_tau=True,
    settings="distillation",
    published="GRU with distillation",
)
TEACHER_STUDENT = Method(
    "Teacher-student only",
    "gru",
    student_hidden,
    _teacher_student,
    "teacher",
    unlabelled=True,
    settings="distillation",
    published="GRU with teacher-student distillation only",
)
SELF_DISTILLATION = Method(
    "Self-distillation only",
    "gru",
    student_hidden,
    _self_distillation,
    unlabelled=True,
    needs_tau=True,
    settings="distillation",
)
