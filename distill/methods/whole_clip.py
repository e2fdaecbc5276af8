"""Our method for few labels: two teachers classify each whole clip once. It is not in the paper.

The target q_i of a training clip is its label, if it has one. Otherwise q_i is what two teachers agree on
(`distill.agreed_labels`):

    the BiGRU, mean over segments:  T_i = 1/N Σ_n T(x_i)_n
    the graph of similar clips:     G_i                          (`distill.label_spreading`)

The student learns the target at every segment: L = 1/N Σ_n KL(q_i || S(x_n)). Where clips differ in their number of
segments, both means are over the segments that a clip has, and the graph compares stretched clips.

With few labels the teacher limits the student, and which teacher is better depends on the data. A BiGRU learns from few
clips only. A graph uses all clips, but depends on distances. With all labels this method is the baseline.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from distill.agreed_labels import agreed_labels
from distill.feature_set import FeatureSet, Split
from distill.label_spreading import Spreading, given_labels, similarity_graph, spread
from distill.losses import Losses, segment_mean
from distill.method import LossInputs, Method, student_size
from distill.models import Classifier, Outputs, predict_outputs


class Predictions(NamedTuple):
    """The probabilities (clips, C) of the same clips by the BiGRU, by the graph, and where they agree."""

    teacher: Tensor
    graph: Tensor
    both: Tensor


def targets(data: FeatureSet, labelled: Tensor, settings: Spreading, teacher: Classifier | None) -> Tensor:
    """Return the targets q (clips, C) of the training clips. Only labels of `labelled` clips (clips,) are read."""
    assert teacher is not None
    train = data.splits["train"]
    if labelled.all():
        return F.one_hot(train.labels, data.num_classes).to(train.features.dtype)
    return predictions([train], data.num_classes, labelled, settings, teacher).both


def judge_targets(
    data: FeatureSet, labelled: Tensor, settings: Spreading, teacher: Classifier | None
) -> dict[str, float]:
    """Return the accuracy of the BiGRU, of the graph and of both together on the validation clips.

    Validation clips are then nodes of the graph without a label. Their labels are read for this accuracy only.
    """
    assert teacher is not None
    train, validation = data.splits["train"], data.splits["validation"]
    known = torch.cat([labelled, torch.zeros_like(validation.labels, dtype=torch.bool)])
    found = predictions([train, validation], data.num_classes, known, settings, teacher)
    return {name: accuracy(each[len(train.labels) :], validation.labels) for name, each in found._asdict().items()}


def predictions(
    splits: list[Split], num_classes: int, labelled: Tensor, settings: Spreading, teacher: Classifier
) -> Predictions:
    """Return what the teachers say about the clips of some splits, one after another.

    Args:
        splits: the clips.
        num_classes: C.
        labelled: (clips,) bool; only these labels are read.
        settings: of the graph.
        teacher: the BiGRU.
    """
    labels, features = (torch.cat([getattr(split, name) for split in splits]) for name in ("labels", "features"))
    lengths = [split.lengths for split in splits if split.lengths is not None]
    given = given_labels(labels, labelled, num_classes).to(features.dtype)
    graph = similarity_graph(features, settings, torch.cat(lengths) if lengths else None)
    by_teacher = torch.cat([teacher_prediction(teacher, split) for split in splits])
    by_graph = spread(graph, given, settings.reach)
    return Predictions(by_teacher, by_graph, agreed_labels(by_teacher, by_graph, given))


def teacher_prediction(teacher: Classifier, clips: Split) -> Tensor:
    """Return the teacher's probabilities for the clips of a split, the mean over the segments of each: (clips, C)."""
    running = clips.running(torch.arange(len(clips.labels), device=clips.labels.device))
    if running is None or clips.lengths is None:
        return predict_outputs(teacher, clips.features).logits.softmax(-1).mean(1)
    # The teacher reads a sequence from both ends, so zeros follow each clip here as in its training.
    own = running[..., None]
    probabilities = predict_outputs(teacher, clips.features.where(own, 0)).logits.softmax(-1)
    return probabilities.where(own, 0).sum(1) / clips.lengths[:, None]


def accuracy(prediction: Tensor, labels: Tensor) -> float:
    """Return the accuracy of probabilities (clips, C) against labels (clips,)."""
    return (prediction.argmax(1) == labels).double().mean().item()


def _loss(outputs: Outputs, inputs: LossInputs, settings: Spreading) -> Losses:
    assert inputs.targets is not None
    target = inputs.targets[:, :, None]  # (M, B, 1, C)
    divergence = torch.xlogy(target, target) - target * F.log_softmax(outputs.logits, -1)  # (M, B, N, C)
    total = segment_mean(divergence.sum(-1), inputs.running).mean(-1)
    return Losses(total, {"whole_clip": total})


WHOLE_CLIP = Method(
    title="Two whole-clip teachers (ours)",
    network="gru",
    hidden=student_size,
    loss=_loss,
    teacher="teacher",
    unlabelled=True,
    targets=targets,
    judge_targets=judge_targets,
    takes_lengths=True,
    section="spreading",
    settings=Spreading,
)
