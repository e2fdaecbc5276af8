"""Our method for few labels: the better of two teachers classifies each whole clip once. It is not in the paper.

The target q_i of a training clip is its label, if it has one. Otherwise q_i is the prediction for the whole clip by the
teacher that is right about more validation clips:

    the BiGRU, mean over segments:  q_i = 1/N Σ_n T(x_i)_n
    the graph of similar clips:     q_i = one_hot(argmax_c F_ic)      (`distill.label_spreading`)

The student learns the target at every segment: L = 1/N Σ_n KL(q_i || S(x_n)). Where clips differ in their number of
segments, both means are over the segments that a clip has, and the graph compares stretched clips.

With few labels the teacher limits the student, and which teacher is better depends on the data. A BiGRU learns from few
clips only. A graph uses all clips, but depends on distances. With all labels this method is the baseline.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from distill.feature_set import FeatureSet, Split
from distill.label_spreading import Spreading, spread_labels
from distill.losses import Losses, segment_mean
from distill.method import LossInputs, Method, student_size
from distill.models import Classifier, Outputs, predict_outputs


def targets(data: FeatureSet, labelled: Tensor, settings: Spreading, teacher: Classifier | None) -> Tensor:
    """Return the targets q (clips, C) of the training clips. Only labels of `labelled` clips (clips,) are read."""
    assert teacher is not None
    train = data.splits["train"]
    given = F.one_hot(train.labels.where(labelled, 0), data.num_classes).to(train.features.dtype)
    if labelled.all():
        return given
    by_graph = accuracy(graph_prediction(data, labelled, settings, with_validation=True), data)
    by_teacher = accuracy(teacher_prediction(teacher, data.splits["validation"]), data)
    if by_graph > by_teacher:
        prediction = graph_prediction(data, labelled, settings, with_validation=False)
        prediction = F.one_hot(prediction.argmax(1), data.num_classes).to(given.dtype)
    else:
        prediction = teacher_prediction(teacher, train)
    return torch.where(labelled[:, None], given, prediction)


def teacher_prediction(teacher: Classifier, clips: Split) -> Tensor:
    """Return the teacher's probabilities for the clips of a split, the mean over the segments of each: (clips, C)."""
    running = clips.running(torch.arange(len(clips.labels), device=clips.labels.device))
    if running is None or clips.lengths is None:
        return predict_outputs(teacher, clips.features).logits.softmax(-1).mean(1)
    # The teacher reads a sequence from both ends, so zeros follow each clip here as in its training.
    own = running[..., None]
    probabilities = predict_outputs(teacher, clips.features.where(own, 0)).logits.softmax(-1)
    return probabilities.where(own, 0).sum(1) / clips.lengths[:, None]


def graph_prediction(data: FeatureSet, labelled: Tensor, settings: Spreading, with_validation: bool) -> Tensor:
    """Return the probabilities (clips, C) of clips in the graph: of the training clips, or of the validation clips if
    `with_validation`, which are then nodes without a label.
    """
    train = data.splits["train"]
    if not with_validation:
        return spread_labels(train.features, train.labels, labelled, data.num_classes, settings, train.lengths)
    validation = data.splits["validation"]
    unknown = torch.zeros_like(validation.labels)
    lengths = [split.lengths for split in (train, validation) if split.lengths is not None]
    reached = spread_labels(
        torch.cat([train.features, validation.features]),
        torch.cat([train.labels, unknown]),
        torch.cat([labelled, unknown.bool()]),
        data.num_classes,
        settings,
        torch.cat(lengths) if lengths else None,
    )
    return reached[len(train.labels) :]


def accuracy(prediction: Tensor, data: FeatureSet) -> float:
    """Return the accuracy of probabilities (clips, C) on the validation clips."""
    return (prediction.argmax(1) == data.splits["validation"].labels).double().mean().item()


def _loss(outputs: Outputs, inputs: LossInputs, settings: Spreading) -> Losses:
    assert inputs.targets is not None
    target = inputs.targets[:, :, None]  # (M, B, 1, C)
    divergence = torch.xlogy(target, target) - target * F.log_softmax(outputs.logits, -1)  # (M, B, N, C)
    total = segment_mean(divergence.sum(-1), inputs.running).mean(-1)
    return Losses(total, {"whole_clip": total})


WHOLE_CLIP = Method(
    title="Better whole-clip teacher (ours)",
    network="gru",
    hidden=student_size,
    loss=_loss,
    teacher="teacher",
    unlabelled=True,
    targets=targets,
    takes_lengths=True,
    section="spreading",
    settings=Spreading,
)
