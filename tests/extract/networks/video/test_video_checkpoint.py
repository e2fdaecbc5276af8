"""Checkpoints of video networks: nothing is missing, nothing is left by accident, and lost biases are seen."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from common.errors import UserError
from extract.networks.video.checkpoint import VideoLayout, check_config, find_in_folder, load_video_checkpoint

LAYOUT = VideoLayout(
    "a made-up program",
    "encoder.0.weight",
    lambda key: key.replace("attention.", "encoder.").replace("value.", "1.").replace("both.", "both/"),
    r"head\..*",
)
FUSED = VideoLayout("another", "qkv.weight", lambda key: f"qkv.weight/{key[0]}", "", fused=("qkv.weight",))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))


def tensors() -> dict[str, Tensor]:
    names = {"encoder.0.weight": (3, 2), "encoder.0.bias": (3,), "encoder.1.weight": (2, 3), "encoder.1.bias": (2,)}
    return {name: torch.full(shape, 0.5 + number) for number, (name, shape) in enumerate(names.items())}


def load(path: Path, found: dict[str, Tensor], network: nn.Module | None = None) -> nn.Module:
    network = network or Network()
    torch.save({"optimizer": {"step": 3}, "weights": found}, path)
    load_video_checkpoint(network, path, (LAYOUT, FUSED), ("weights",))
    return network


def test_every_tensor_has_its_place(tmp_path: Path) -> None:
    network = load(tmp_path / "a.pth", tensors() | {"head.weight": torch.ones(5)})
    assert [weight.flatten()[0].item() for weight in network.parameters()] == [0.5, 1.5, 2.5, 3.5]


def test_fused_tensors_are_divided(tmp_path: Path) -> None:
    class Three(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_parameter("0", nn.Parameter(torch.zeros(2, 2)))
            self.register_parameter("1", nn.Parameter(torch.zeros(2, 2)))
            self.register_parameter("2", nn.Parameter(torch.zeros(2, 2)))

    fused = torch.arange(12.0).view(6, 2)
    network = load(tmp_path / "a.pth", {"qkv.weight": fused}, Three())
    assert torch.equal(torch.cat(list(network.parameters())), fused)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda found: found.pop("encoder.1.bias"), "lacks encoder.1.bias"),
        (lambda found: found.update(extra=torch.ones(1)), "no place for: extra"),
        (lambda found: found.update({"encoder.1.bias": torch.ones(9)}), r"encoder.1.bias has the shape \(9,\)"),
        (
            lambda found: found.pop("encoder.0.weight"),
            r"no tensor encoder.0.weight \(a made-up program\) or qkv.weight",
        ),
        (
            lambda found: found.update({name: 0 * found[name] for name in ("encoder.0.bias", "encoder.1.bias")}),
            "the biases attention.N.bias are zero in every block, which no training gives",
        ),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: Callable[[Any], Any], sentence: str) -> None:
    found = tensors()
    change(found)
    with pytest.raises(UserError, match=sentence):
        load(tmp_path / "a.pth", found)


def test_one_bias_may_be_zero(tmp_path: Path) -> None:
    load(tmp_path / "a.pth", tensors() | {"encoder.0.bias": torch.zeros(3)})


def test_code_beside_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"weights": tensors(), "args": Path("a")}, path)
    with pytest.raises(UserError, match="holds Python code beside tensors"):
        load_video_checkpoint(Network(), path, (LAYOUT,), ("weights",))


def test_a_folder_of_transformers(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no model\.safetensors"):
        find_in_folder(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(UserError, match="several files"):
        find_in_folder(tmp_path)
    save_file(tensors(), tmp_path / "model.safetensors")
    path = find_in_folder(tmp_path)
    assert path == tmp_path / "model.safetensors" == find_in_folder(path)
    check_config(path, {"heads": 4})  # there is none
    (tmp_path / "config.json").write_text(json.dumps({"heads": 4, "other": 1}))
    check_config(path, {"heads": 4, "not_there": 2})
    with pytest.raises(UserError, match="heads: 4 there, 5 here"):
        check_config(path, {"heads": 5})
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="cannot read"):
        check_config(path, {"heads": 4})
