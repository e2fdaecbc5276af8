"""VA-CNNs as safetensors files: a trained one with all that it takes to use and to judge it, and a training half done.

The metadata is JSON, and no file is a pickle.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from common.config import parse_config
from common.errors import UserError
from common.files import atomic_write
from common.tensor_bytes import tensor_bytes
from extract.va_cnn.network import VaCnnNetwork
from extract.va_cnn.train import Epoch, State
from manifests.recipes.recipe import VaCnn


def save_weights(path: Path, tensors: Mapping[str, Tensor], made: Mapping[str, Any]) -> None:
    """Write a network's tensors with `made`: its `va_cnn` table, `segments`, `num_classes`, and what it was made of."""
    _save(path, tensors, made)


def load_va_cnn(path: Path) -> tuple[VaCnnNetwork, dict[str, Any]]:
    """Read a network with its classifier, in evaluation mode, and what it was made of.

    Raises:
        UserError: no such file, or not a whole VA-CNN.
    """
    try:
        tensors, made = _load(path)
        if missing := {"segments", "joints", "num_classes"} - made.keys():
            raise ValueError(f"it does not tell {', '.join(sorted(missing))}")
        table = parse_config(VaCnn, made["va_cnn"], str(path))
        network = VaCnnNetwork(table.network, made["num_classes"], table.image_size)
        network.load_state_dict(tensors)
    except FileNotFoundError as error:
        raise UserError(f"no VA-CNN weights {path}; `python -m extract train-vacnn` makes them") from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{path} is not a whole file of VA-CNN weights ({error}); train them again") from error
    return network.eval(), made


def save_state(path: Path, state: State) -> None:
    """Write all that a training needs to go on."""
    groups = {"weights": state.weights, "adam": state.adam, "best": state.best}
    tensors = {f"{group}:{name}": tensor for group, own in groups.items() for name, tensor in (own or {}).items()}
    _save(path, tensors, {"history": [asdict(epoch) for epoch in state.history]})


def load_state(path: Path) -> State:
    """Read what `save_state` wrote.

    Raises:
        UserError: not a whole file.
    """
    groups: dict[str, dict[str, Tensor]] = {"weights": {}, "adam": {}, "best": {}}
    try:
        tensors, metadata = _load(path)
        for key, tensor in tensors.items():
            group, name = key.split(":", 1)
            groups[group][name] = tensor
        return State(tuple(Epoch(**row) for row in metadata["history"]), **groups)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not a whole file of this project ({error}); remove it and run again") from error


def _save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    with atomic_write(path) as temporary:
        # Bytes first: the library's own writing turns a full disk into an error of its own.
        temporary.write_bytes(tensor_bytes(tensors, {"va_cnn": json.dumps(metadata, sort_keys=True)}))


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, json.loads(file.metadata()["va_cnn"])  # noqa: SIM118
