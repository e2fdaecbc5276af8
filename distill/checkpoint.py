"""Models and training states as safetensors files: no pickle, whole or absent.

A file's one metadata entry is JSON, so equal content gives equal bytes. Which files a run has is not known here.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from distill.models import Student, Teacher
from distill.train import Epoch, State
from manifests.errors import UserError
from manifests.files import atomic_write

_KINDS: dict[str, type[Student] | type[Teacher]] = {"student": Student, "teacher": Teacher}


def save_weights(path: Path, state: State, model: str, settings: Mapping[str, Any]) -> None:
    """Write the selected weights of a `model` ("student" or "teacher"), with what made them as metadata."""
    selected = {"epoch": state.selected.epoch, "validation_auc": state.selected.validation_auc}
    _save(path, state.best, {"model": model, "selected": selected, "settings": settings})


def load_model(path: Path, model: str) -> Student | Teacher:
    """Read the model that `save_weights` wrote, in evaluation mode, on the host.

    Raises:
        UserError: no such file, not a whole one, or another kind of model.
    """
    weights, metadata = _load(path)
    if metadata["model"] != model:
        raise UserError(f"{path} holds a {metadata['model']}, and a {model} is wanted; give the folder of a {model}")
    num_classes = weights["classifier.weight"].shape[0]
    hidden, feature_dim = weights["gru.weight_hh_l0"].shape[1], weights["gru.weight_ih_l0"].shape[1]
    network = _KINDS[model](feature_dim, hidden, num_classes)
    network.load_state_dict(weights)
    network.eval()
    return network


def save_state(path: Path, state: State) -> None:
    """Write all that a training needs to go on."""
    groups = {"weights": state.weights, "momentum": state.momentum, "best": state.best}
    tensors = {f"{group}/{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
    _save(path, tensors, {"history": [asdict(epoch) for epoch in state.history]})


def load_state(path: Path) -> State:
    """Read what `save_state` wrote.

    Raises:
        UserError: no such file, or not a whole one.
    """
    tensors, metadata = _load(path)
    groups: dict[str, dict[str, Tensor]] = {"weights": {}, "momentum": {}, "best": {}}
    for key, tensor in tensors.items():
        group, name = key.split("/")
        groups[group][name] = tensor
    rows = (row | {"validation_accuracy": tuple(row["validation_accuracy"])} for row in metadata["history"])
    return State(tuple(Epoch(**row) for row in rows), **groups)


def _save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    with atomic_write(path) as temporary:
        # Bytes first: the library's own writing turns a full disk into an error of its own.
        temporary.write_bytes(save(dict(tensors), {"json": json.dumps(metadata, sort_keys=True)}))


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, "pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, json.loads(file.metadata()["json"])  # noqa: SIM118
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing") from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not a whole file of this project ({error}); remove it and run again") from error
