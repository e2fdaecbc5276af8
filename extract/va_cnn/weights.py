"""Trained VA-CNNs as safetensors files, with everything that is needed to use them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from common.config import parse_config
from common.errors import UserError
from common.tensor_files import load_tensors, save_tensors
from extract.va_cnn.network import VaCnnNetwork
from extract.va_cnn.training_state import ENTRY
from manifests.recipes.extraction import VaCnn


def save_weights(path: Path, tensors: Mapping[str, Tensor], made: Mapping[str, Any]) -> None:
    """Write a network's tensors and `made`: its config as `va_cnn`, `segments`, `num_classes` and the training data."""
    save_tensors(path, tensors, made, ENTRY)


def load_va_cnn(path: Path) -> tuple[VaCnnNetwork, dict[str, Any]]:
    """Return a network with its classifier, in evaluation mode, and what `save_weights` got as `made`.

    Raises:
        UserError: there is no such file, or it is no whole VA-CNN.
    """
    if not path.exists():
        raise UserError(f"no VA-CNN weights {path}; `python -m extract train-vacnn` makes them")
    tensors, made = load_tensors(path, ENTRY, "file of VA-CNN weights", "train them again")
    try:
        if missing := {"segments", "joints", "num_classes"} - made.keys():
            raise ValueError(f"its metadata lacks {', '.join(sorted(missing))}")
        config = parse_config(VaCnn, made["va_cnn"], str(path))
        network = VaCnnNetwork(config.network, made["num_classes"], config.image_size)
        network.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{path} is not a whole file of VA-CNN weights ({error}); train them again") from error
    return network.eval(), made
