"""The training of several models side by side: one product of matrices does the work of all of them.

The loop is that of `training.py`. Here the models are grouped by method, because each method has its own loss.

Measured on one core of a CPU, 20 models side by side train faster than one after the other: 1.6 times at the size of
UTD-MHAD (D = 180, H = 128), 2.6 times at D = 60 and H = 64. At the size of UCF101 (D = 2048, H = 512) a CPU gains
nothing, so `models_at_once` returns 1 there.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

import torch
from torch import Tensor

from distill.augmentation import AugmentedBatch
from distill.batch_losses import MethodLosses
from distill.clip_parts import ClipParts
from distill.feature_set import FeatureSet
from distill.method import no_parameters
from distill.models import Classifier, Outputs
from distill.training import ModelTraining
from distill.training_plan import TrainingPlan
from distill.training_state import ModelId, TrainingState

CACHED_PARAMETERS = 4_000_000  # float32; measured with `distill bench`: with more a CPU is slower than one by one
MOST_MODELS = 256  # on a GPU; it limits the memory and was not measured


def train_together(
    models: Sequence[ModelId],
    plan: TrainingPlan,
    data: FeatureSet,
    teachers: Sequence[Classifier | None] | None = None,
    *,
    resume: TrainingState | None = None,
    after_epoch: Callable[[TrainingState], None] | None = None,
) -> TrainingState:
    """Train models side by side. Each gets the weights that it would get alone, up to rounding.

    Args:
        models: their methods and seeds; all have the same `shape`, and models of one method stand together.
        plan: everything else that determines the weights.
        data: training and validation split, on the device to train on.
        teachers: one for each model, or None; they are not changed.
        resume: the state of an earlier call with the same arguments.
        after_epoch: gets the state after each epoch.

    Raises:
        UserError: a loss is not finite, or a teacher does not fit.
    """
    teachers = teachers or [None] * len(models)
    return ModelTraining(models, plan, data, teachers, resume, LossesByMethod).run(after_epoch)


def shape(model: ModelId, plan: TrainingPlan) -> tuple[object, ...]:
    """Return what models must have in common to be trained side by side: kind and size of network, own parameters."""
    own = plan.trained[model.method]
    alone = model.method if own.method.parameters is not no_parameters else None
    return own.method.network, own.hidden, alone


def models_at_once(network: Classifier, device: torch.device) -> int:
    """Return how many networks of this size to train side by side.

    On a GPU more networks train faster, so the number is limited by `MOST_MODELS` only. On a CPU the parameters of all
    networks together must fit into its cache (`CACHED_PARAMETERS`). With more, one after the other is faster.

    Args:
        network: one of the networks, which all have the same size.
        device: the device to train on.
    """
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return max(1, CACHED_PARAMETERS // parameters) if device.type == "cpu" else MOST_MODELS


class LossesByMethod:
    """The losses of models of several methods, as `ModelLosses`. Arguments as in `MethodLosses`."""

    def __init__(
        self,
        models: Sequence[ModelId],
        plan: TrainingPlan,
        data: FeatureSet,
        labelled: Tensor,
        teachers: Sequence[Classifier | None],
        parameters: Mapping[str, Tensor],
    ) -> None:
        runs = [[row for row, _ in run] for _, run in groupby(enumerate(models), lambda each: each[1].method)]
        self.parts = [slice(rows[0], rows[-1] + 1) for rows in runs]
        self.by_method = [
            MethodLosses(models[part], plan, data, labelled[part], teachers[part], parameters) for part in self.parts
        ]

    def start_epoch(self, epoch: int) -> None:
        """Start the random numbers and the sums of an epoch."""
        for losses in self.by_method:
            losses.start_epoch(epoch)

    def __call__(self, outputs: Outputs, rows: Tensor, parts: ClipParts, batch: AugmentedBatch) -> Tensor:
        """Return the loss of each model (M,)."""
        return torch.cat(
            [
                losses(
                    Outputs(outputs.states[part], outputs.logits[part]),
                    rows[part],
                    parts.of_models(part),
                    AugmentedBatch(batch.features[part], batch.partner, batch.share[part]),
                )
                for part, losses in zip(self.parts, self.by_method, strict=True)
            ]
        )

    def epoch_means(self) -> list[dict[str, float]]:
        """Return the means over the clips of the epoch, of each model."""
        return [means for losses in self.by_method for means in losses.epoch_means()]
