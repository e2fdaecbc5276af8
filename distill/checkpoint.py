"""Classifiers and training states as safetensors files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from common.errors import UserError
from common.tensor_files import load_tensors, save_tensors
from distill.models import KINDS, Classifier, Kind
from distill.training_state import EpochResult, TrainingState

ENTRY = "json"  # name of the metadata in the files


def save_classifier(path: Path, kind: Kind, weights: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write the weights of a classifier of a kind, with metadata about its training."""
    save_tensors(path, weights, {"network": kind, **metadata}, ENTRY)


def load_classifier(path: Path) -> Classifier:
    """Return the classifier that `save_classifier` wrote, in evaluation mode, on the CPU.

    Raises:
        UserError: there is no such file, it is damaged, or it has another kind of network.
    """
    weights, metadata = load_tensors(path, ENTRY)
    kind = metadata.get("network")
    if kind not in KINDS:
        raise UserError(f"{path} holds no network that is known here ({kind}); train it again")
    num_classes, width = weights["classifier.weight"].shape
    layer = weights.get("recurrent.weight_ih_l0")
    hidden = weights["recurrent.weight_hh_l0"].shape[1] if layer is not None else 0
    network = Classifier(kind, width if layer is None else layer.shape[1], hidden, num_classes)
    network.load_state_dict(weights)
    network.eval()
    return network


def save_state(path: Path, state: TrainingState, members: Sequence[str]) -> None:
    """Write the state of a training of some models. `members` identifies them."""
    groups = {"weights": state.weights, "momentum": state.momentum, "best": state.best}
    tensors = {f"{group}/{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
    histories = [[asdict(epoch) for epoch in history] for history in state.histories]
    save_tensors(path, tensors, {"histories": histories, "members": list(members)}, ENTRY)


def load_state(path: Path) -> tuple[TrainingState, list[str]]:
    """Return the state that `save_state` wrote, and its members.

    Raises:
        UserError: there is no such file, or it is damaged.
    """
    tensors, metadata = load_tensors(path, ENTRY)
    groups: dict[str, dict[str, Tensor]] = {"weights": {}, "momentum": {}, "best": {}}
    for key, tensor in tensors.items():
        group, name = key.split("/")
        groups[group][name] = tensor
    histories = tuple(
        tuple(EpochResult(**row | {"validation_accuracy": tuple(row["validation_accuracy"])}) for row in history)
        for history in metadata["histories"]
    )
    return TrainingState(histories, **groups), metadata["members"]
