"""Tensor files: what is written is read, equal content gives equal bytes, damage is a sentence."""

from pathlib import Path

import pytest
import torch

from common.errors import UserError
from common.tensor_files import load_tensors, save_tensors

TENSORS = {"a": torch.arange(6.0).view(2, 3).T, "b": torch.tensor(3)}


def test_written_is_read(tmp_path: Path) -> None:
    save_tensors(tmp_path / "f", TENSORS, {"x": [1, 2], "y": None}, "json")
    tensors, metadata = load_tensors(tmp_path / "f", "json")
    assert metadata == {"x": [1, 2], "y": None}
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    save_tensors(tmp_path / "g", TENSORS, {"y": None, "x": [1, 2]}, "json")
    assert (tmp_path / "f").read_bytes() == (tmp_path / "g").read_bytes()


@pytest.mark.parametrize("damage", [b"", b"x" * 100])
def test_damage_is_a_sentence(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "f").write_bytes(damage)
    with pytest.raises(UserError, match="f is not a whole file of this project .*; remove it and run again"):
        load_tensors(tmp_path / "f", "json")
    with pytest.raises(UserError, match="f is not a whole list of things .*; write it again"):
        load_tensors(tmp_path / "f", "json", "list of things", "write it again")
    with pytest.raises(UserError, match="g is missing"):
        load_tensors(tmp_path / "g", "json")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    save_tensors(tmp_path / "f", TENSORS, {}, "other")
    with pytest.raises(UserError, match="not a whole file"):
        load_tensors(tmp_path / "f", "json")
