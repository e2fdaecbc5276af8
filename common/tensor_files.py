"""Tensors with metadata as safetensors files: no pickle, and whole or absent.

The metadata is one entry of JSON, so equal content gives equal bytes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from common.errors import UserError
from common.files import atomic_write
from common.tensor_bytes import tensor_bytes

if TYPE_CHECKING:
    from torch import Tensor


def save_tensors(
    path: Path,
    tensors: Mapping[str, NDArray[Any]] | Mapping[str, "Tensor"],
    metadata: Mapping[str, Any],
    entry: str,
) -> None:
    """Write tensors or arrays, and metadata under the name `entry` in the file's header."""
    with atomic_write(path) as temporary:
        # Bytes first: the library's own writing turns a full disk into an error of its own.
        temporary.write_bytes(tensor_bytes(tensors, {entry: json.dumps(metadata, sort_keys=True)}))


def load_tensors(
    path: Path, entry: str, kind: str = "file of this project", remedy: str = "remove it and run again"
) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    """Return the tensors, on the CPU, and the metadata that `save_tensors` wrote.

    Args:
        path: the file.
        entry: the name of the metadata.
        kind: names the file in the error message.
        remedy: what the error message tells the user to do.

    Raises:
        UserError: there is no such file, or it is not a whole file with this entry.
    """
    try:
        with safe_open(path, "pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, json.loads(file.metadata()[entry])  # noqa: SIM118
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing") from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not a whole {kind} ({error}); {remedy}") from error
