"""What a training is of and where it stands: jobs, epochs, and the state that it can go on from. No training here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from distill.method import Method
from distill.methods import METHODS


@dataclass(frozen=True)
class Job:
    """A model to train: the name of its method, and the seed of its weights, batches, dropout and labelled clips."""

    method: str
    seed: int

    @property
    def about(self) -> Method:
        """The method itself."""
        return METHODS[self.method]


@dataclass(frozen=True)
class Epoch:
    """What one epoch of one model came to: mean training losses, and the scores on validation after it."""

    epoch: int  # from 1
    loss: float
    terms: Mapping[str, float]  # of the loss, each before its weight
    validation_loss: float  # mean cross-entropy over clips and steps
    validation_auc: float  # mean of the accuracies
    validation_accuracy: tuple[float, ...]  # (N,), by observation ratio 1/N … 1


@dataclass(frozen=True)
class State:
    """A training of M models after some epochs: all that it takes to go on.

    Tensors are (M, ...). Those given to `after_epoch` are alive: the next epoch writes into them.
    """

    histories: tuple[tuple[Epoch, ...], ...]  # of each model, equally long
    weights: Mapping[str, Tensor]  # with the method's own parameters, as `own.…`
    momentum: Mapping[str, Tensor]
    best: Mapping[str, Tensor]  # weights of the selected epoch, without the method's own parameters

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.histories[0])

    @property
    def selected(self) -> tuple[Epoch, ...]:
        """Of each model the best validation AUC; of equals the lower validation loss, then the earlier epoch."""
        return tuple(max(history, key=_merit) for history in self.histories)

    def of_models(self, rows: Sequence[int]) -> "State":
        """Return copies of some of the models."""
        weights, momentum, best = (
            {name: tensor[list(rows)] for name, tensor in group.items()}
            for group in (self.weights, self.momentum, self.best)
        )
        return State(tuple(self.histories[row] for row in rows), weights, momentum, best)


def _merit(epoch: Epoch) -> tuple[float, float]:
    return epoch.validation_auc, -epoch.validation_loss
