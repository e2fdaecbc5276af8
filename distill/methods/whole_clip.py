"""Ours for few labels: what a clip is, is decided once, on the whole of it, by the better of two teachers.

The target q_i of a training clip is its label where it has one. Where it has none, q_i is the verdict on the whole clip
of that teacher which judges more validation clips rightly:

    the BiGRU, averaged over its steps:  q_i = 1/N Σ_n T(x_i)_n
    the graph of similar clips:          q_i = one_hot(argmax_c F_ic)      (`distill.label_spreading`)

and the student learns it at every step: L = 1/N Σ_n KL(q_i || S(x_n)).

With few labels all depends on how good the teacher is, and which one is, depends on the data: a BiGRU knows little more
than the few clips it was told of, a graph uses all the others too but trusts distances. The student sees beginnings
only, at the cost of any other. With all labels this is the baseline, to rounding. Not of the paper.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from distill.feature_set import FeatureSet
from distill.label_spreading import Spreading, spread_labels
from distill.losses import Losses
from distill.method import LossInputs, Method, student_size
from distill.models import Classifier, Outputs, predict_outputs


def targets(data: FeatureSet, labelled: Tensor, settings: Spreading, teacher: Classifier | None) -> Tensor:
    """Return q (clips, C) of the training clips, from the labels of the `labelled` ones alone."""
    assert teacher is not None
    train = data.splits["train"]
    given = F.one_hot(train.labels.where(labelled, 0), data.num_classes).to(train.features.dtype)
    if labelled.all():
        return given
    by_graph = accuracy(graph_verdict(data, labelled, settings, with_validation=True), data)
    by_teacher = accuracy(teacher_verdict(teacher, data.splits["validation"].features), data)
    if by_graph > by_teacher:
        verdict = graph_verdict(data, labelled, settings, with_validation=False)
        verdict = F.one_hot(verdict.argmax(1), data.num_classes).to(given.dtype)
    else:
        verdict = teacher_verdict(teacher, train.features)
    return torch.where(labelled[:, None], given, verdict)


def teacher_verdict(teacher: Classifier, features: Tensor) -> Tensor:
    """Return the teacher's probabilities of features (clips, N, D), averaged over its steps: (clips, C)."""
    return predict_outputs(teacher, features).logits.softmax(-1).mean(1)


def graph_verdict(data: FeatureSet, labelled: Tensor, settings: Spreading, with_validation: bool) -> Tensor:
    """Return what reaches the clips in the graph (clips, C): of the training clips alone, or of the validation clips
    where they stand among them as clips without a label.
    """
    train = data.splits["train"]
    if not with_validation:
        return spread_labels(train.features, train.labels, labelled, data.num_classes, settings)
    validation = data.splits["validation"]
    unknown = torch.zeros_like(validation.labels)
    reached = spread_labels(
        torch.cat([train.features, validation.features]),
        torch.cat([train.labels, unknown]),
        torch.cat([labelled, unknown.bool()]),
        data.num_classes,
        settings,
    )
    return reached[len(train.labels) :]


def accuracy(verdict: Tensor, data: FeatureSet) -> float:
    """Return the share of validation clips that a verdict (clips, C) on them is right about."""
    return (verdict.argmax(1) == data.splits["validation"].labels).double().mean().item()


def _loss(outputs: Outputs, inputs: LossInputs, settings: Spreading) -> Losses:
    assert inputs.targets is not None
    target = inputs.targets[:, :, None]  # (M, B, 1, C)
    divergence = torch.xlogy(target, target) - target * F.log_softmax(outputs.logits, -1)  # (M, B, N, C)
    total = divergence.sum(-1).mean(-1).mean(-1)
    return Losses(total, {"whole_clip": total})


WHOLE_CLIP = Method(
    title="Better whole-clip teacher (ours)",
    network="gru",
    hidden=student_size,
    loss=_loss,
    teacher="teacher",
    unlabelled=True,
    targets=targets,
    section="spreading",
    settings=Spreading,
)
