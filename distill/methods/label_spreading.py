"""Ours for few labels: the teacher is what the labels of similar whole clips say (`distill.spreading`).

q_i = one_hot(argmax F_i) of a clip without a label, its label of one with; at every step the student learns

    L = L_cls + weight · 1/N Σ_n KL(q || S(x_n))

A BiGRU teacher can only repeat what it was told of a few clips; the graph also uses how all the others resemble each
other. The student still sees beginnings only, at the cost of any other student. With all labels nothing is spread, and
the method is the baseline with a heavier L_cls. Not of the paper.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from distill.features import FeatureSet
from distill.losses import Losses, classification_loss
from distill.method import Lesson, Method, student_hidden
from distill.models import Outputs
from distill.spreading import spread_labels
from manifests.recipe import Recipe


def targets(data: FeatureSet, labelled: Tensor, recipe: Recipe) -> Tensor:
    """Return q (clips, C) of the training clips."""
    train = data.splits["train"]
    reached = spread_labels(train.features, train.labels, labelled, data.num_classes, recipe.spreading)
    return F.one_hot(reached.argmax(1), data.num_classes).to(reached.dtype)


def _loss(outputs: Outputs, lesson: Lesson, recipe: Recipe) -> Losses:
    assert lesson.targets is not None
    classification = classification_loss(outputs.logits, lesson.labels, lesson.labelled)
    log_student = F.log_softmax(outputs.logits, -1)  # (M, B, N, C)
    target = lesson.targets[:, :, None]  # (M, B, 1, C)
    spread = (torch.xlogy(target, target) - target * log_student).sum(-1).mean((-2, -1))
    return Losses(
        classification + recipe.spreading.weight * spread, {"classification": classification, "spread": spread}
    )


LABEL_SPREADING = Method(
    "Label spreading (ours)",
    "gru",
    student_hidden,
    _loss,
    unlabelled=True,
    targets=targets,
    settings="spreading",
)
