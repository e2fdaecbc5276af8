"""The baseline (Table 1): the same GRU student, trained by cross-entropy alone (Eq. 3)."""

from distill.losses import Losses, combined_loss
from distill.method import Lesson, Method, student_hidden
from distill.models import Outputs
from manifests.recipes.recipe import Recipe


def _loss(outputs: Outputs, lesson: Lesson, recipe: Recipe) -> Losses:
    return combined_loss(outputs.logits, lesson.labels, labelled=lesson.labelled)


WITHOUT = Method("Without distillation", "gru", student_hidden, _loss, published="GRU without distillation")
