"""The paper's teacher (§2.1): a BiGRU on whole sequences, cross-entropy (Eq. 3) averaged over all steps.

Not a method for early recognition: its output after segment n has seen all N.
"""

from distill.losses import Losses, combined_loss
from distill.method import Lesson, Method, teacher_hidden
from distill.models import Outputs
from manifests.recipes.recipe import Recipe


def _loss(outputs: Outputs, lesson: Lesson, recipe: Recipe) -> Losses:
    return combined_loss(outputs.logits, lesson.labels, labelled=lesson.labelled)


TEACHER = Method("Teacher (sees the whole action)", "bigru", teacher_hidden, _loss)
