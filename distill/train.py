"""Training of the teacher and the student: SGD, one validation a epoch, the best epoch selected.

Everything random of an epoch comes from (seed, epoch), so a `State` needs no generator to go on bit for bit, and
students with and without distillation start equal and see equal batches. Nothing is read or written here.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from distill.features import FeatureSet, Split
from distill.losses import Losses, classification_loss, combined_loss
from distill.models import Student, Teacher, full_precision, predict_logits
from extract.random_state import derive_seed, random_state
from manifests.errors import UserError
from manifests.recipe import Distillation, Recipe, Training

Objective = Callable[[Tensor, Tensor, Tensor], Losses]  # logits (B, N, C), labels (B,), rows of train (B,)


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to: mean training losses (as in `Losses`), and the scores on validation after it."""

    epoch: int  # from 1
    loss: float
    classification: float
    teacher_student: float
    self_distillation: float
    validation_loss: float  # mean cross-entropy over clips and steps
    validation_auc: float  # mean of the accuracies
    validation_accuracy: tuple[float, ...]  # (N,), by observation ratio 1/N … 1


@dataclass(frozen=True)
class State:
    """A training after some epochs: copies on the host, all that it takes to go on."""

    history: tuple[Epoch, ...]
    weights: Mapping[str, Tensor]
    momentum: Mapping[str, Tensor]
    best: Mapping[str, Tensor]  # weights of the selected epoch

    @property
    def selected(self) -> Epoch:
        """The best validation AUC; of equals the lower validation loss, then the earlier epoch."""
        return max(self.history, key=_merit)


def train_teacher(
    data: FeatureSet,
    recipe: Recipe,
    seed: int,
    *,
    resume: State | None = None,
    after_epoch: Callable[[State], None] | None = None,
) -> State:
    """Train the BiGRU on whole sequences: cross-entropy (Eq. 3) averaged over all steps.

    Args:
        data: train and validation; the training runs on the device they are on.
        recipe: its tables `teacher` and `training`.
        seed: of the initial weights, the order of the batches and the dropout.
        resume: where an earlier call with the same arguments stood.
        after_epoch: called with the state after each epoch.

    Raises:
        UserError: the loss is no longer finite.
    """
    model = _build(Teacher, recipe.teacher.hidden, data, recipe.training, seed)

    def objective(logits: Tensor, labels: Tensor, rows: Tensor) -> Losses:
        return combined_loss(logits, labels)

    return _fit(model, objective, data, recipe.training, seed, resume, after_epoch)


def train_student(
    data: FeatureSet,
    recipe: Recipe,
    seed: int,
    distillation: Distillation | None,
    teacher: Teacher | None = None,
    *,
    resume: State | None = None,
    after_epoch: Callable[[State], None] | None = None,
) -> State:
    """Train the GRU with distillation (Eq. 4), or without (Eq. 3).

    Args:
        data: train and validation; the training runs on the device they are on.
        recipe: its tables `student` and `training`.
        seed: as for `train_teacher`; equal seeds make the two variants a pair.
        distillation: the weights of Eq. 4; None: without, that is α = β = 0.
        teacher: trained, on the device of the data; needed where α > 0. Its weights stay as they are.
        resume: where an earlier call with the same arguments stood.
        after_epoch: called with the state after each epoch.

    Raises:
        UserError: α > 0 without a teacher, τ ≥ N, or the loss is no longer finite.
    """
    model = _build(Student, recipe.student.hidden, data, recipe.training, seed)
    terms = {} if distillation is None else distillation.model_dump()
    # The features are fixed and the teacher is frozen, so its logits are the same in every epoch.
    taught = predict_logits(teacher, data.splits["train"].features) if teacher and terms else None  # (clips, N, C)

    def objective(logits: Tensor, labels: Tensor, rows: Tensor) -> Losses:
        return combined_loss(logits, labels, None if taught is None else taught[rows], **terms)

    return _fit(model, objective, data, recipe.training, seed, resume, after_epoch)


def _fit(
    model: nn.Module,
    objective: Objective,
    data: FeatureSet,
    training: Training,
    seed: int,
    resume: State | None,
    after_epoch: Callable[[State], None] | None,
) -> State:
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=training.learning_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
    )
    state = resume or State((), {}, {}, {})
    if state.history:
        model.load_state_dict(state.weights)
        for name, parameter in model.named_parameters():
            if name in state.momentum:
                optimizer.state[parameter]["momentum_buffer"] = state.momentum[name].to(parameter.device, copy=True)

    for number in range(len(state.history) + 1, training.epochs + 1):
        losses = _train_epoch(model, optimizer, objective, data.splits["train"], training, seed, number)
        if not math.isfinite(losses[0]):
            raise UserError(
                f"the training loss of epoch {number} is {losses[0]}; lower training.learning_rate or "
                "training.gradient_clip, and check that the features are finite"
            )
        epoch = Epoch(number, *losses, *_validate(model, data.splits["validation"], training.batch_size))
        history = (*state.history, epoch)
        weights = _on_host(model.state_dict())
        momentum = {
            name: optimizer.state[parameter]["momentum_buffer"]
            for name, parameter in model.named_parameters()
            if training.momentum
        }
        best = _on_host(weights) if max(history, key=_merit) is epoch else state.best
        state = State(history, weights, _on_host(momentum), best)
        if after_epoch:
            after_epoch(state)
    return state


def _train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    train: Split,
    training: Training,
    seed: int,
    number: int,
) -> tuple[float, float, float, float]:
    """One pass over the training clips; returns the mean over clips of each of `Losses`."""
    device = train.labels.device
    shuffle = torch.Generator().manual_seed(derive_seed(seed, number))
    order = torch.randperm(len(train.labels), generator=shuffle).to(device)
    sums = torch.zeros(4, dtype=torch.float64, device=device)
    model.train()
    with random_state(seed, number, device), full_precision():
        for rows in torch.split(order, training.batch_size):  # (B,)
            losses = objective(model(train.features[rows]), train.labels[rows], rows)
            optimizer.zero_grad()
            losses.total.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip)
            optimizer.step()
            sums += len(rows) * torch.stack([term.detach() for term in losses])
    total, classification, teacher_student, self_distillation = (sums / len(order)).tolist()
    return total, classification, teacher_student, self_distillation


def _validate(model: nn.Module, validation: Split, batch_size: int) -> tuple[float, float, tuple[float, ...]]:
    """Mean cross-entropy, AUC, and accuracy by observation ratio."""
    logits = predict_logits(model, validation.features, batch_size)  # (clips, N, C)
    correct = logits.argmax(-1) == validation.labels[:, None]  # (clips, N)
    auc = correct.sum().item() / correct.numel()  # from counts, so that equal scores are equal bits
    accuracy = tuple(count / len(correct) for count in correct.sum(0).tolist())
    return classification_loss(logits, validation.labels).item(), auc, accuracy


def _merit(epoch: Epoch) -> tuple[float, float]:
    return epoch.validation_auc, -epoch.validation_loss


def _build(
    kind: type[Student] | type[Teacher], hidden: int, data: FeatureSet, training: Training, seed: int
) -> nn.Module:
    device = data.splits["train"].features.device
    with random_state(seed, 0, torch.device("cpu")):
        model = kind(data.feature_dim, hidden, data.num_classes, training.input_dropout, training.output_dropout)
    return model.to(device)


def _on_host(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
