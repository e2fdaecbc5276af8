"""Arrays and tensors of every memory layout are read back equal by the readers of safetensors."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load
from safetensors.torch import load as load_tensors

from common.tensor_bytes import tensor_bytes
from extract.cache_rows import Row
from extract.shards.shard_folder import ShardFolder

Array = NDArray[np.float32]
LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "as it is": lambda a: a,
    "transposed": lambda a: a.T,
    "axes swapped": lambda a: a.swapaxes(1, 2),
    "every other column": lambda a: a[..., ::2],
    "some rows": lambda a: a[1:3],
    "backwards": lambda a: a[::-1, :, ::-1],
    "Fortran order": np.asfortranarray,
    "broadcast": lambda a: np.broadcast_to(a[:1], (5, *a.shape[1:])),
    "big-endian": lambda a: a.astype(">f4"),
    "big-endian and transposed": lambda a: a.astype(">f4").T,
    "one value": lambda a: a[1, 2, 3, ...],
    "one value, broadcast": lambda a: np.broadcast_to(a[0, 0, 0], ()),
    "empty": lambda a: a[:, :0].T,
    "not aligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), np.uint8)[1:].view(np.float32).reshape(a.shape).T,
    "other type": lambda a: a.astype(np.int64).T,
}


def numbers() -> Array:
    return np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_array_is_read_back_equal(layout: str) -> None:
    array = LAYOUTS[layout](numbers())
    before = array.copy()
    found = load(tensor_bytes({"a": array, "b": numbers()}))
    assert found["a"].shape == array.shape and found["a"].dtype == array.dtype.newbyteorder("=")
    assert np.array_equal(found["a"], before) and np.array_equal(found["b"], numbers())
    assert np.array_equal(array, before), "what is saved stays as it is"


def test_equal_arrays_make_equal_bytes() -> None:
    array = numbers()
    for same in (np.asfortranarray(array), array.astype(">f4"), array[::-1][::-1], array.T.copy().T):
        assert tensor_bytes({"a": same}) == tensor_bytes({"a": array})
    assert tensor_bytes({"a": array}) == tensor_bytes({"a": torch.from_numpy(array)})


@pytest.mark.parametrize(
    "layout",
    [
        lambda t: t,
        lambda t: t.T,
        lambda t: t[:, ::2],
        lambda t: t[1:],
        lambda t: t[:1].expand(7, -1),
        lambda t: t[1, 2],
        lambda t: t.bfloat16().T,
        lambda t: t.view(1, 4, 3, 2).to(memory_format=torch.channels_last),
        lambda t: torch.nn.Parameter(t).T,
    ],
)
def test_a_tensor_is_read_back_equal(layout: Callable[[torch.Tensor], torch.Tensor]) -> None:
    tensor = layout(torch.arange(24.0).view(4, 6))
    found = load_tensors(tensor_bytes({"t": tensor}))["t"]
    assert found.dtype == tensor.dtype and torch.equal(found, tensor)


def test_metadata_is_kept(tmp_path: Path) -> None:
    for tensor in (numbers(), torch.from_numpy(numbers())):
        (tmp_path / "file").write_bytes(tensor_bytes({"a": tensor}, {"made": "here"}))
        with safe_open(tmp_path / "file", "np") as file:
            assert file.metadata() == {"made": "here"}


@pytest.mark.parametrize("layout", ["Fortran order", "broadcast", "axes swapped", "every other column"])
def test_features_of_any_layout_are_in_the_part(layout: str, tmp_path: Path) -> None:
    features = [LAYOUTS[layout](numbers())[index] for index in range(2)]
    with ShardFolder(tmp_path / "00000") as shard:
        shard.write_part([Row(str(index), each, 7, True) for index, each in enumerate(features)])
        part = shard.done()["0"].part
    assert np.array_equal(load(part.read_bytes())["features"], np.stack(features))
