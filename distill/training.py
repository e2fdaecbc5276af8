"""Training: SGD on a stack of models in lockstep, one validation an epoch, the best epoch of each selected.

Everything random of a model comes from its seed and the epoch, so a `State` needs no generator to go on bit for bit,
methods of one seed start equal and see equal batches, and who else is in the stack makes no difference but rounding.
Nothing is read or written here.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import groupby

import torch
from torch import Tensor

from common.errors import UserError
from common.seeding import derive_seed, random_state
from distill.features import FeatureSet
from distill.labelled import labelled_clips, rows_of_epoch
from distill.losses import Losses, classification_loss
from distill.method import Lesson, no_parameters
from distill.models import Classifier, Outputs, full_precision
from distill.randomness import Mixed, Randomness
from distill.sgd import Sgd
from distill.stack import Stack
from distill.standardisation import moments
from distill.state import Epoch, Job, State
from distill.teaching import Teaching
from manifests.recipes.recipe import Recipe

VALIDATED_AT_ONCE = 256  # clips


def train_together(
    jobs: Sequence[Job],
    data: FeatureSet,
    recipe: Recipe,
    teachers: Sequence[Classifier | None] | None = None,
    *,
    resume: State | None = None,
    after_epoch: Callable[[State], None] | None = None,
) -> State:
    """Train models side by side.

    Args:
        jobs: what to train; all with the same `shape`.
        data: train and validation; the training runs on the device they are on.
        recipe: everything else that decides the weights.
        teachers: one a job, on the device of the data, for jobs whose method has a teacher; they stay as they are.
        resume: where an earlier call with the same arguments stood.
        after_epoch: called with the state after each epoch.

    Raises:
        UserError: a loss is no longer finite, or a method cannot work with the recipe.
    """
    running = _Running(jobs, data, recipe, teachers or [None] * len(jobs), resume)
    for number in range(running.state.epochs + 1, recipe.training.epochs + 1):
        state = running.train_epoch(number)
        if after_epoch:
            after_epoch(state)
    return running.state


def shape(job: Job, recipe: Recipe) -> tuple[object, ...]:
    """Return what jobs must have in common to be trained together: kind and size of network, own parameters."""
    method = job.about
    alone = job.method if method.own is not no_parameters else None
    return method.network, method.hidden(recipe), alone


class _Running:
    """A training and its tensors, on the device."""

    def __init__(
        self,
        jobs: Sequence[Job],
        data: FeatureSet,
        recipe: Recipe,
        teachers: Sequence[Classifier | None],
        resume: State | None,
    ) -> None:
        train = data.splits["train"]
        self.jobs, self.data, self.recipe, self.device = jobs, data, recipe, train.features.device
        mean, self.deviation = moments(train.features)
        standardize = recipe.training.standardize
        self.mean, self.unit = (mean, self.deviation) if standardize else (mean.new_zeros(1), mean.new_ones(1))
        self.labelled = torch.stack([labelled_clips(train.labels, recipe.labels.fraction, job.seed) for job in jobs])
        self.stack = Stack.of([new_network(job, data, recipe).to(self.device) for job in jobs])
        self.own = {
            name: tensor.to(self.device).repeat(len(jobs), *[1] * tensor.dim()).requires_grad_()
            for name, tensor in jobs[0].about.own(train.features.shape[1], data.num_classes).items()
        }
        trained = self.stack.parameters | {f"own.{name}": tensor for name, tensor in self.own.items()}
        self.sgd = Sgd(trained, recipe.training)
        best = {name: tensor.detach().clone() for name, tensor in self.stack.parameters.items()}
        self.state = State(((),) * len(jobs), trained, self.sgd.momentum, best)
        if resume:
            self._restore(resume)
        # One loss for all seeds of a method.
        runs = [[row for row, _ in run] for _, run in groupby(enumerate(jobs), lambda each: each[1].method)]
        self.parts = [slice(rows[0], rows[-1] + 1) for rows in runs]
        self.targets = [self._targets(part, teachers[part]) for part in self.parts]
        changed = bool(recipe.training.mixup or recipe.training.feature_noise)
        self.teaching = [
            Teaching(
                teachers[part] if targets is None else [],
                train.features,
                jobs[part][0].about.imitates_states,
                changed,
            )
            for part, targets in zip(self.parts, self.targets, strict=True)
        ]

    def train_epoch(self, number: int) -> State:
        """One pass over the training clips and one over the validation clips."""
        sums = self._train(number)
        clips = len(self.data.splits["train"].labels)
        scores = self._validate()
        histories = []
        for job, history, sums_of_one, score in zip(self.jobs, self.state.histories, sums, scores, strict=True):
            means = {name: value / clips for name, value in sums_of_one.items()}
            loss = means.pop("loss")
            if not math.isfinite(loss):
                raise UserError(
                    f"{job.method}, seed {job.seed}: the training loss of epoch {number} is {loss}; lower "
                    "training.learning_rate or training.gradient_clip, and check that the features are finite"
                )
            histories.append((*history, Epoch(number, loss, means, *score)))
        self.state = State(tuple(histories), self.state.weights, self.state.momentum, self.state.best)
        better = [row for row, epoch in enumerate(self.state.selected) if epoch.epoch == number]
        for name, tensor in self.state.best.items():
            tensor[better] = self.state.weights[name].detach()[better]
        return self.state

    def _train(self, number: int) -> list[dict[str, float]]:
        """Update the weights; return sums over clips of the loss and of its terms, for each model."""
        train, training, few = self.data.splits["train"], self.recipe.training, self.recipe.labels.fraction < 1
        labelled_rows = self.recipe.labels.rows_per_batch if few else 0
        randomness = Randomness([job.seed for job in self.jobs], number, self.device, training)
        draws = [_drawing([job.seed for job in self.jobs[part]], number, self.device) for part in self.parts]
        order = torch.stack(
            [
                rows_of_epoch(labelled, job.about.unlabelled, job.seed, number, training.batch_size, labelled_rows)
                for job, labelled in zip(self.jobs, self.labelled, strict=True)
            ]
        )  # (M, clips)
        batches = torch.split(order, training.batch_size, dim=1)
        sums: list[dict[str, Tensor]] = [defaultdict(lambda: torch.zeros((), device=self.device)) for _ in self.parts]
        with full_precision():
            for done, rows in enumerate(batches):  # (M, B)
                mixed = randomness.mix(train.features[rows], labelled_rows, self.deviation)
                outputs = self.stack((mixed.features - self.mean) / self.unit, randomness)
                labels, labelled = train.labels[rows], self.labelled.gather(1, rows)
                totals = []
                methods = zip(self.parts, self.teaching, self.targets, draws, sums, strict=True)
                for part, teaching, targets, draw, found in methods:
                    own = {name: tensor[part] for name, tensor in self.own.items()}
                    taught = teaching(rows[part], mixed.features[part])
                    told = None if targets is None else _of_rows(targets, rows[part])
                    lesson = Lesson(labels[part], labelled[part], taught, own, draw, told)
                    losses = self._losses(part, outputs, lesson, mixed)
                    totals.append(losses.total)
                    for name, value in {"loss": losses.total, **losses.terms}.items():
                        found[name] = found[name] + rows.shape[1] * value.detach().double()
                self.sgd.step(torch.cat(totals), (number - 1 + done / len(batches)) / training.epochs)
        by_model: list[dict[str, float]] = []
        for found in sums:
            values = {name: total.tolist() for name, total in found.items()}
            by_model += [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        return by_model

    def _losses(self, part: slice, outputs: Outputs, lesson: Lesson, mixed: Mixed) -> Losses:
        """The losses of one method; of mixed clips, those under either clip's label in the share of the clip."""
        loss = self.jobs[part][0].about.loss
        of_part = Outputs(outputs.states[part], outputs.logits[part])
        one = loss(of_part, lesson, self.recipe)
        if mixed.partner is None:
            return one
        share = mixed.share[part]
        swapped = lesson._replace(
            labels=lesson.labels[:, mixed.partner],
            labelled=lesson.labelled[:, mixed.partner],
            targets=None if lesson.targets is None else lesson.targets[:, mixed.partner],
        )
        other = loss(of_part, swapped, self.recipe)
        return Losses(
            torch.lerp(other.total, one.total, share),
            {name: torch.lerp(other.terms[name], one.terms[name], share) for name in one.terms},
        )

    def _validate(self) -> list[tuple[float, float, tuple[float, ...]]]:
        """Mean cross-entropy, AUC, and accuracy by observation ratio, of each model."""
        validation = self.data.splits["validation"]
        with torch.no_grad(), full_precision():
            batches = torch.split(validation.features, VALIDATED_AT_ONCE)
            logits = [self.stack((batch - self.mean) / self.unit).logits for batch in batches]
        whole = torch.cat(logits, 1)  # (M, clips, N, C)
        losses = classification_loss(whole, validation.labels.expand(len(self.jobs), -1)).tolist()
        correct = (whole.argmax(-1) == validation.labels[:, None]).sum(1).tolist()  # of each model, (N,) counts
        clips = len(validation.labels)
        return [
            # From counts, so that equal scores are equal bits.
            (loss, sum(counts) / (clips * len(counts)), tuple(count / clips for count in counts))
            for loss, counts in zip(losses, correct, strict=True)
        ]

    def _targets(self, part: slice, teachers: Sequence[Classifier | None]) -> Tensor | None:
        """The method's own targets (M, clips, C) of the training clips, if it has any."""
        own = self.jobs[part][0].about.targets
        if own is None:
            return None
        pairs = zip(self.labelled[part], teachers, strict=True)
        return torch.stack([own(self.data, labelled, self.recipe, teacher) for labelled, teacher in pairs])

    def _restore(self, resume: State) -> None:
        pairs = zip(
            (self.state.weights, self.state.momentum, self.state.best),
            (resume.weights, resume.momentum, resume.best),
            strict=True,
        )
        for mine, theirs in pairs:
            for name, tensor in mine.items():
                tensor.data.copy_(theirs[name])
        self.state = State(resume.histories, self.state.weights, self.state.momentum, self.state.best)


def _of_rows(targets: Tensor, rows: Tensor) -> Tensor:
    """(M, clips, C) at each model's own rows (M, B) → (M, B, C)."""
    return targets[torch.arange(len(targets), device=rows.device)[:, None], rows]


def new_network(job: Job, data: FeatureSet, recipe: Recipe) -> Classifier:
    """Return the network that a job begins with, on the host; its seed decides the weights."""
    with random_state(job.seed, 0, torch.device("cpu")):
        return Classifier(job.about.network, data.feature_dim, job.about.hidden(recipe), data.num_classes)


def _drawing(seeds: Sequence[int], epoch: int, device: torch.device) -> Callable[..., Tensor]:
    """Return a function (*shape) → (M, *shape) of uniform numbers, those of each model from its own seed."""
    generators = [torch.Generator(device).manual_seed(derive_seed(seed, epoch, 3)) for seed in seeds]
    return lambda *shape: torch.stack([torch.rand(shape, generator=each, device=device) for each in generators])
