"""The training of one model: batches, outputs, loss, SGD step; after each epoch validation and selection.

The student S minimises Eq. 4 (or the loss of another method) with SGD. After each epoch it is validated. The weights of
the epoch with the best validation AUC are kept.

M models are trained at once, and tensors have a first axis (M, ...) with a row for each model. Here M is 1;
`side_by_side.py` uses the same code for several models.

Everything random depends on a model's seed and on the epoch only. So a training resumes to the same bits from a
`TrainingState`, without a stored generator, and methods of one seed have the same initial weights and the same batches.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from common.errors import UserError
from common.seeding import random_state
from distill.augmentation import Augmentation
from distill.batch_losses import TOTAL, MethodLosses, ModelLosses
from distill.clip_parts import EpochParts
from distill.feature_set import FeatureSet
from distill.label_fraction import labelled_clips, rows_of_epoch
from distill.losses import classification_loss
from distill.models import Classifier, full_precision
from distill.observation import at_ratios
from distill.sgd import Sgd
from distill.stack import Stack
from distill.standardisation import moments
from distill.training_plan import TrainingPlan
from distill.training_state import EpochResult, ModelId, TrainingState

VALIDATION_BATCH = 256  # clips


def train_model(
    model: ModelId,
    plan: TrainingPlan,
    data: FeatureSet,
    teacher: Classifier | None = None,
    *,
    resume: TrainingState | None = None,
    after_epoch: Callable[[TrainingState], None] | None = None,
) -> TrainingState:
    """Train one model.

    Args:
        model: its method and seed.
        plan: everything else that determines the weights.
        data: training and validation split, on the device to train on.
        teacher: the trained teacher, on the same device, if the method has one; it is not changed.
        resume: the state of an earlier call with the same arguments.
        after_epoch: gets the state after each epoch.

    Raises:
        UserError: a loss is not finite, or the teacher does not fit.
    """
    return ModelTraining([model], plan, data, [teacher], resume).run(after_epoch)


class ModelTraining:
    """A training of M models of one kind and size.

    Args:
        models: their methods and seeds.
        plan: everything else that determines the weights.
        data: training and validation split.
        teachers: one for each model, or None.
        resume: the state of an earlier training with the same arguments.
        losses: the class that computes the losses on a batch: `MethodLosses`, or another one for models of several
            methods. It gets the arguments of `MethodLosses`.
    """

    def __init__(
        self,
        models: Sequence[ModelId],
        plan: TrainingPlan,
        data: FeatureSet,
        teachers: Sequence[Classifier | None],
        resume: TrainingState | None = None,
        losses: Callable[..., ModelLosses] = MethodLosses,
    ) -> None:
        train = data.splits["train"]
        self.models, self.plan, self.data = models, plan, data
        self.epochs = plan.training.epochs_for(data.train_clips)
        mean, self.deviation = moments(train.features, train.lengths)
        standardize = plan.training.standardize
        self.mean, self.scale = (mean, self.deviation) if standardize else (mean.new_zeros(1), mean.new_ones(1))
        self.labelled = torch.stack(
            [labelled_clips(train.labels, plan.labels.fraction, model.seed) for model in models]
        )  # (M, clips)
        self.networks = Stack.of([new_network(model, plan, data).to(train.features.device) for model in models])
        parameters = initial_parameters(models, plan, data)
        trained = self.networks.parameters | {f"own.{name}": tensor for name, tensor in parameters.items()}
        self.sgd = Sgd(trained, plan.training)
        best = {name: tensor.detach().clone() for name, tensor in self.networks.parameters.items()}
        self.state = TrainingState(((),) * len(models), trained, self.sgd.momentum, best)
        if resume:
            self.state = self.state.overwritten_by(resume)
        self.losses = losses(models, plan, data, self.labelled, teachers, parameters)

    def run(self, after_epoch: Callable[[TrainingState], None] | None = None) -> TrainingState:
        """Train all epochs that are left."""
        for epoch in range(self.state.epochs + 1, self.epochs + 1):
            self.train_epoch(epoch)
            self.state = self.select(epoch, self.losses.epoch_means(), self.validate())
            if after_epoch:
                after_epoch(self.state)
        return self.state

    def train_epoch(self, epoch: int) -> None:
        """Update the weights with every batch of an epoch."""
        train, training = self.data.splits["train"], self.plan.training
        seeds = [model.seed for model in self.models]
        augmentation = Augmentation(seeds, epoch, train.features.device, training)
        parts_of = EpochParts(seeds, epoch, train, training)
        batches = self.batches(epoch)
        self.losses.start_epoch(epoch)
        with full_precision():
            for done, rows in enumerate(batches):
                parts = parts_of(rows)
                batch = augmentation.mix(parts.features, self.labelled_rows, self.deviation, parts.running)
                outputs = self.networks((batch.features - self.mean) / self.scale, augmentation)  # S(x_1) … S(x_N)
                losses = self.losses(outputs, rows, parts, batch)  # (M,), Eq. 4 or the loss of another method
                self.sgd.step(losses, progress=(epoch - 1 + done / len(batches)) / self.epochs)

    def batches(self, epoch: int) -> Sequence[Tensor]:
        """Return the batches of an epoch, each (M, B) rows of the training split."""
        size = self.plan.training.batch_size
        orders = [
            rows_of_epoch(
                labelled,
                self.plan.trained[model.method].method.unlabelled,
                model.seed,
                epoch,
                size,
                self.labelled_rows,
            )
            for model, labelled in zip(self.models, self.labelled, strict=True)
        ]
        return torch.split(torch.stack(orders), size, dim=1)

    @property
    def labelled_rows(self) -> int:
        """The number of rows at the start of each batch whose clips have a label; 0 if all clips have one."""
        return self.plan.labels.rows_per_batch if self.plan.labels.fraction < 1 else 0

    def validate(self) -> list[tuple[float, float, tuple[float, ...]]]:
        """Return mean cross-entropy, AUC and the accuracy after each segment on the validation split, of each model.

        Where clips differ in their number of segments, the accuracies are those at the ten observation ratios.
        """
        validation = self.data.splits["validation"]
        running = validation.running(torch.arange(len(validation.labels), device=validation.labels.device))
        with torch.no_grad(), full_precision():
            batches = torch.split(validation.features, VALIDATION_BATCH)
            logits = torch.cat([self.networks((batch - self.mean) / self.scale).logits for batch in batches], 1)
        losses = classification_loss(logits, validation.labels.expand(len(self.models), -1), running=running).tolist()
        if validation.lengths is not None:
            logits = at_ratios(logits, validation.lengths)
        correct = (logits.argmax(-1) == validation.labels[:, None]).sum(1).tolist()  # (M, N) counts
        clips = len(validation.labels)
        return [
            # From counts, so that equal scores have equal bits.
            (loss, sum(counts) / (clips * len(counts)), tuple(count / clips for count in counts))
            for loss, counts in zip(losses, correct, strict=True)
        ]

    def select(
        self,
        epoch: int,
        losses: Sequence[dict[str, float]],
        scores: Sequence[tuple[float, float, tuple[float, ...]]],
    ) -> TrainingState:
        """Append the results of an epoch to the histories. If it is the best epoch of a model so far, keep its weights.

        Args:
            epoch: from 1.
            losses: the mean loss and its terms, of each model.
            scores: as `validate` returns them.

        Raises:
            UserError: a training loss is not finite.
        """
        histories = []
        for model, history, means, score in zip(self.models, self.state.histories, losses, scores, strict=True):
            loss = means.pop(TOTAL)
            if not math.isfinite(loss):
                raise UserError(
                    f"{model.method}, seed {model.seed}: the training loss of epoch {epoch} is {loss}; lower "
                    "training.learning_rate or training.gradient_clip, and check that the features are finite"
                )
            histories.append((*history, EpochResult(epoch, loss, means, *score)))
        state = TrainingState(tuple(histories), self.state.weights, self.state.momentum, self.state.best)
        better = [row for row, selected in enumerate(state.selected) if selected.epoch == epoch]
        for name, tensor in state.best.items():
            tensor[better] = state.weights[name].detach()[better]
        return state


def new_network(model: ModelId, plan: TrainingPlan, data: FeatureSet) -> Classifier:
    """Return a network with its initial weights, on the CPU. The weights depend on the seed only."""
    own = plan.trained[model.method]
    with random_state(model.seed, 0, torch.device("cpu")):
        return Classifier(own.method.network, data.feature_dim, own.hidden, data.num_classes)


def initial_parameters(models: Sequence[ModelId], plan: TrainingPlan, data: FeatureSet) -> dict[str, Tensor]:
    """Return the initial values (M, ...) of the parameters that the models' loss has beside those of the network."""
    features = data.splits["train"].features
    initial = plan.trained[models[0].method].method.parameters(features.shape[1], data.num_classes)
    return {
        name: tensor.to(features.device).repeat(len(models), *[1] * tensor.dim()).requires_grad_()
        for name, tensor in initial.items()
    }
