"""Arrays and tensors as the bytes of a safetensors file. Every safetensors file is made here."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

if TYPE_CHECKING:  # torch takes seconds to load, and arrays are saved without it
    from torch import Tensor


def tensor_bytes(
    tensors: Mapping[str, NDArray[Any]] | Mapping[str, "Tensor"], metadata: Mapping[str, str] | None = None
) -> bytes:
    """Return the content of a safetensors file.

    safetensors copies an array's memory and ignores the strides (version 0.8.0). An array that is transposed, sliced or
    broadcast would be read back with its values in other places. So it gets arrays and tensors in C order only.

    Args:
        tensors: by name, all numpy arrays or all torch tensors, of any shape and memory layout, on any device.
        metadata: strings for the file's header.
    """
    header = None if metadata is None else dict(metadata)
    if all(isinstance(tensor, np.ndarray) for tensor in tensors.values()):
        arrays = cast(Mapping[str, NDArray[Any]], tensors)
        # not np.ascontiguousarray, which adds a dimension to arrays without dimensions
        return save({name: np.asarray(array, order="C") for name, array in arrays.items()}, header)
    from safetensors.torch import save as save_tensors

    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in cast(Mapping[str, Any], tensors).items()}
    return save_tensors(whole, header)
