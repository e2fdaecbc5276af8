"""Networks and training states as safetensors files: no pickle, whole or absent.

A file's one metadata entry is JSON, so equal content gives equal bytes. Which files a run has is not known here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from common.errors import UserError
from common.files import atomic_write
from common.tensor_bytes import tensor_bytes
from distill.models import KINDS, Classifier
from distill.training_state import EpochResult, TrainingState


def save_network(path: Path, weights: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write the weights of one network; `metadata` has its `network` kind, and what made it."""
    _save(path, weights, metadata)


def load_network(path: Path) -> Classifier:
    """Read the network that `save_network` wrote, in evaluation mode, on the host.

    Raises:
        UserError: no such file, not a whole one, or not of a network of this project.
    """
    weights, metadata = _load(path)
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
    """Write all that a training of some models needs to go on; `members` tells which models they are."""
    groups = {"weights": state.weights, "momentum": state.momentum, "best": state.best}
    tensors = {f"{group}/{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
    histories = [[asdict(epoch) for epoch in history] for history in state.histories]
    _save(path, tensors, {"histories": histories, "members": list(members)})


def load_state(path: Path) -> tuple[TrainingState, list[str]]:
    """Read what `save_state` wrote: the state, and which models they are.

    Raises:
        UserError: no such file, or not a whole one.
    """
    tensors, metadata = _load(path)
    groups: dict[str, dict[str, Tensor]] = {"weights": {}, "momentum": {}, "best": {}}
    for key, tensor in tensors.items():
        group, name = key.split("/")
        groups[group][name] = tensor
    histories = tuple(
        tuple(EpochResult(**row | {"validation_accuracy": tuple(row["validation_accuracy"])}) for row in history)
        for history in metadata["histories"]
    )
    return TrainingState(histories, **groups), metadata["members"]


def _save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    with atomic_write(path) as temporary:
        # Bytes first: the library's own writing turns a full disk into an error of its own.
        temporary.write_bytes(tensor_bytes(tensors, {"json": json.dumps(metadata, sort_keys=True)}))


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, "pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, json.loads(file.metadata()["json"])  # noqa: SIM118
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing") from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not a whole file of this project ({error}); remove it and run again") from error
