"""The losses of models on one batch: the loss inputs are put together, and the method's loss is called."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from common.errors import UserError
from common.seeding import derive_seed
from distill.augmentation import AugmentedBatch
from distill.clip_parts import ClipParts
from distill.feature_set import FeatureSet
from distill.losses import Losses
from distill.method import LossInputs
from distill.models import Classifier, Outputs
from distill.teacher_outputs import TeacherOutputs
from distill.training_plan import TrainingPlan
from distill.training_state import ModelId

TOTAL = "loss"  # name of the total among the means of an epoch


class ModelLosses(Protocol):
    """The losses of M models on the batches of an epoch."""

    def start_epoch(self, epoch: int) -> None:
        """Start the random numbers and the sums of an epoch."""

    def __call__(self, outputs: Outputs, rows: Tensor, parts: ClipParts, batch: AugmentedBatch) -> Tensor:
        """Return the loss of each model (M,).

        Args:
            outputs: of the networks, (M, B, N, ·).
            rows: (M, B), which training clips they are of.
            parts: which segments of them are used, and which outputs count.
            batch: the clips as the networks saw them.
        """

    def epoch_means(self) -> list[dict[str, float]]:
        """Return the means over the clips of the epoch: `loss` and each of its terms, of each model."""


class MethodLosses:
    """The losses of M models of one method.

    Args:
        models: all of one method.
        plan: has the method, its settings, and the labels' configuration.
        data: training and validation split.
        labelled: (M, clips) bool, the training clips whose label may be read.
        teachers: one for each model, or None.
        parameters: the method's own parameters, each (M, ...).
    """

    def __init__(
        self,
        models: Sequence[ModelId],
        plan: TrainingPlan,
        data: FeatureSet,
        labelled: Tensor,
        teachers: Sequence[Classifier | None],
        parameters: Mapping[str, Tensor],
    ) -> None:
        self.models, self.plan, self.own = models, plan, plan.trained[models[0].method]
        self.train, self.labelled, self.parameters = data.splits["train"], labelled, parameters
        method = self.own.method
        self.targets: Tensor | None = None  # (M, clips, C)
        if method.targets is not None:
            pairs = zip(labelled, teachers, strict=True)
            self.targets = torch.stack(
                [method.targets(data, each, self.own.settings, teacher) for each, teacher in pairs]
            )
        self.teacher_outputs = TeacherOutputs(
            teachers if self.targets is None else [],
            self.train.features,
            states=method.imitates_states,
            changed=bool(plan.training.mixup or plan.training.feature_noise or plan.training.random_cut),
        )
        self.start_epoch(1)

    def start_epoch(self, epoch: int) -> None:
        """Start the random numbers and the sums of an epoch."""
        device = self.labelled.device
        self._draw = _uniform_numbers([model.seed for model in self.models], epoch, device)
        self._sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=device))

    def __call__(self, outputs: Outputs, rows: Tensor, parts: ClipParts, batch: AugmentedBatch) -> Tensor:
        """Return the loss of each model (M,).

        Raises:
            UserError: the method's loss returned something else than losses (M,).
        """
        inputs = LossInputs(
            labels=self.train.labels[rows],
            labelled=self.labelled.gather(1, rows),
            teacher=self.teacher_outputs(rows, batch.features),
            parameters=self.parameters,
            draw=self._draw,
            targets=None if self.targets is None else _targets_at(self.targets, rows),
            running=parts.running,
            counted=parts.counted,
            classification_weight=self.plan.labels.classification_weight if self.own.method.unlabelled else 1.0,
        )
        losses = self._mixed(outputs, inputs, batch)
        for name, value in {TOTAL: losses.total, **losses.terms}.items():
            self._sums[name] = self._sums[name] + rows.shape[1] * value.detach().double()
        return losses.total

    def epoch_means(self) -> list[dict[str, float]]:
        """Return the means over the clips of the epoch."""
        clips = len(self.train.labels)
        values = {name: total.tolist() for name, total in self._sums.items()}
        return [
            {name: value / clips for name, value in zip(values, row, strict=True)}
            for row in zip(*values.values(), strict=True)
        ]

    def _mixed(self, outputs: Outputs, inputs: LossInputs, batch: AugmentedBatch) -> Losses:
        """Return the loss; for mixed clips the losses with either clip's label, weighted by the clips' shares."""
        losses = self._of_method(outputs, inputs)
        if batch.partner is None:
            return losses
        partners = inputs._replace(
            labels=inputs.labels[:, batch.partner],
            labelled=inputs.labelled[:, batch.partner],
            targets=None if inputs.targets is None else inputs.targets[:, batch.partner],
            running=None if inputs.running is None else inputs.running[:, batch.partner],
            counted=None if inputs.counted is None else inputs.counted[:, batch.partner],
        )
        other = self._of_method(outputs, partners)
        return Losses(
            torch.lerp(other.total, losses.total, batch.share),
            {name: torch.lerp(other.terms[name], losses.terms[name], batch.share) for name in losses.terms},
        )

    def _of_method(self, outputs: Outputs, inputs: LossInputs) -> Losses:
        """Return what the method's loss returns; refuse what is not one number for each model."""
        losses = self.own.method.loss(outputs, inputs, self.own.settings)
        name, wanted = self.own.name, (len(self.models),)
        if not isinstance(losses, Losses):
            raise UserError(f"method {name!r}: its loss returns {type(losses).__name__}; return `Losses(total, terms)`")
        if TOTAL in losses.terms:
            raise UserError(
                f"method {name!r}: a term cannot be called {TOTAL!r}, as the total is; give it another name"
            )
        for term, value in {TOTAL: losses.total, **losses.terms}.items():
            what = "its total loss" if term == TOTAL else f"its term {term!r}"
            if not isinstance(value, Tensor):
                raise UserError(f"method {name!r}: {what} is of type {type(value).__name__}; return a tensor {wanted}")
            if value.shape != wanted:
                raise UserError(
                    f"method {name!r}: {what} has the shape {tuple(value.shape)}; it must have {wanted}, "
                    f"one number for each model"
                )
        return losses


def _targets_at(targets: Tensor, rows: Tensor) -> Tensor:
    """Return the targets (M, clips, C) at each model's own rows (M, B): (M, B, C)."""
    return targets[torch.arange(len(targets), device=rows.device)[:, None], rows]


def _uniform_numbers(seeds: Sequence[int], epoch: int, device: torch.device) -> Callable[..., Tensor]:
    """Return a function (*shape) → (M, *shape) of uniform numbers; those of each model depend on its seed."""
    generators = [torch.Generator(device).manual_seed(derive_seed(seed, epoch, 3)) for seed in seeds]
    return lambda *shape: torch.stack([torch.rand(shape, generator=each, device=device) for each in generators])
