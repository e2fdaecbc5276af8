"""The result of an epoch of a VA-CNN's training, the state from which it resumes, and the file of that state."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from common.errors import UserError
from common.tensor_files import load_tensors, save_tensors

ENTRY = "va_cnn"  # name of the metadata in the files


@dataclass(frozen=True)
class VaCnnEpoch:
    """The result of one epoch."""

    epoch: int  # from 1
    learning_rate: float
    loss: float  # mean over the training samples, during the epoch
    accuracy: float
    validation_loss: float  # mean over all segments and beginnings of the validation clips
    validation_accuracy: float
    validation_segments: float  # accuracy of single segments
    validation_whole: float  # accuracy of whole clips


@dataclass(frozen=True)
class VaCnnState:
    """A training after some epochs, with everything that is needed to resume it. The tensors are copies on the CPU."""

    history: tuple[VaCnnEpoch, ...] = ()
    weights: Mapping[str, Tensor] | None = None
    adam: Mapping[str, Tensor] | None = None  # "parameter/moment"
    best: Mapping[str, Tensor] | None = None  # weights of the selected epoch

    @property
    def selected(self) -> VaCnnEpoch:
        """The epoch with the best validation accuracy, then the lowest validation loss, then the earliest."""
        return max(self.history, key=merit)


def save_state(path: Path, state: VaCnnState) -> None:
    """Write everything that a training needs to resume."""
    groups = {"weights": state.weights, "adam": state.adam, "best": state.best}
    tensors = {f"{group}:{name}": tensor for group, own in groups.items() for name, tensor in (own or {}).items()}
    save_tensors(path, tensors, {"history": [asdict(epoch) for epoch in state.history]}, ENTRY)


def load_state(path: Path) -> VaCnnState:
    """Return the state that `save_state` wrote.

    Raises:
        UserError: there is no such file, or it is damaged.
    """
    groups: dict[str, dict[str, Tensor]] = {"weights": {}, "adam": {}, "best": {}}
    tensors, metadata = load_tensors(path, ENTRY)
    try:
        for key, tensor in tensors.items():
            group, name = key.split(":", 1)
            groups[group][name] = tensor
        return VaCnnState(tuple(VaCnnEpoch(**row) for row in metadata["history"]), **groups)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not a whole file of this project ({error}); remove it and run again") from error


def merit(epoch: VaCnnEpoch) -> tuple[float, float]:
    """Return what the best epoch has most of: the validation accuracy, then the negative validation loss."""
    return epoch.validation_accuracy, -epoch.validation_loss
