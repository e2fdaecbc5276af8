"""Which model is trained, the result of an epoch, and the state from which a training resumes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ModelId:
    """One model: the name of its method, and the seed of its weights, batches, dropout and labelled clips."""

    method: str
    seed: int


@dataclass(frozen=True)
class EpochResult:
    """One epoch of one model: the mean training losses, and the scores on the validation split after it."""

    epoch: int  # from 1
    loss: float
    terms: Mapping[str, float]  # of the loss, each before its weight
    validation_loss: float  # mean cross-entropy over clips and steps
    validation_auc: float  # mean of the accuracies
    validation_accuracy: tuple[float, ...]  # (N,), by observation ratio 1/N … 1

    def as_row(self) -> dict[str, float]:
        """Return all numbers by the names that they have in the curves."""
        num_segments = len(self.validation_accuracy)
        return {
            "epoch": self.epoch,
            "train_loss": self.loss,
            **{f"train_{name}": value for name, value in self.terms.items()},
            "validation_loss": self.validation_loss,
            "validation_auc": self.validation_auc,
            **{
                f"validation_accuracy_{100 * n / num_segments:g}": accuracy
                for n, accuracy in enumerate(self.validation_accuracy, start=1)
            },
        }


@dataclass(frozen=True)
class TrainingState:
    """A training of M models after some epochs, with everything that is needed to resume it.

    Tensors are (M, ...). The next epoch overwrites those that `after_epoch` gets.
    """

    histories: tuple[tuple[EpochResult, ...], ...]  # of each model, of the same length
    weights: Mapping[str, Tensor]  # of the network, and the method's own parameters as `own.NAME`
    momentum: Mapping[str, Tensor]
    best: Mapping[str, Tensor]  # weights of the selected epoch, without the method's own parameters

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.histories[0])

    @property
    def selected(self) -> tuple[EpochResult, ...]:
        """The epoch of each model with the best validation AUC, then the lowest validation loss, then the earliest."""
        return tuple(max(history, key=_selection_key) for history in self.histories)

    def overwritten_by(self, other: "TrainingState") -> "TrainingState":
        """Copy the tensors of another state of the same models into this one's, and return it with its history."""
        for mine, theirs in ((self.weights, other.weights), (self.momentum, other.momentum), (self.best, other.best)):
            for name, tensor in mine.items():
                tensor.data.copy_(theirs[name])
        return TrainingState(other.histories, self.weights, self.momentum, self.best)

    def of_models(self, rows: Sequence[int]) -> "TrainingState":
        """Return copies of some of the models."""
        weights, momentum, best = (
            {name: tensor[list(rows)] for name, tensor in group.items()}
            for group in (self.weights, self.momentum, self.best)
        )
        return TrainingState(tuple(self.histories[row] for row in rows), weights, momentum, best)


def _selection_key(epoch: EpochResult) -> tuple[float, float]:
    return epoch.validation_auc, -epoch.validation_loss
