"""Networks of whole segments: their released values are the defaults, and one segment gives one feature."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from common.errors import UserError
from extract.backbones import BACKBONES, load_backbone
from extract.backbones.video_network import VideoNetworkEntry
from extract.clip import Clip
from extract.networks.segment_network import SegmentNetwork
from manifests.recipes.extraction import Extract
from manifests.video_networks import read_video_networks

pytestmark = pytest.mark.usefixtures("one_thread")

SMALLEST = {
    "x3d:xs": 32,
    "movinet:a0": 32,
    "videomae:small": 32,
    "v_jepa2_1:base": 32,
}  # of each family, and a side of its images
FAMILIES = {name: entry for name, entry in BACKBONES.items() if isinstance(entry, VideoNetworkEntry)}


def config(name: str, **more: Any) -> Extract:
    given = {"backbone": name, "weights": "random", "segments": 3, "image_size": SMALLEST[name]}
    return Extract.model_validate(given | more)


def test_each_released_network_belongs_to_a_family() -> None:
    assert [name for key, entry in FAMILIES.items() for name in entry.names(key)] == list(read_video_networks())
    tried = {f"{name.partition(':')[0]}:NAME" for name in SMALLEST}
    assert tried == set(FAMILIES) - {"v_jepa2:NAME"}  # its smallest network has 300 million parameters


@pytest.mark.parametrize("name", SMALLEST)
def test_the_released_values_are_the_defaults(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extract.backbones.video_network.try_network", lambda *_, **__: None)  # takes a minute
    released = read_video_networks()[name]
    settings = load_backbone(config(name, image_size=None)).settings
    assert settings["frames_per_segment"] == released.frames
    preprocess: Any = settings["preprocess"]
    assert (preprocess["resize"], preprocess["crop"]) == (released.resize, released.crop)
    assert (preprocess["mean"], preprocess["std"]) == (list(released.mean), list(released.std))
    assert settings["trained_with"] == {
        "frames": released.frames,
        "stride": released.stride,
        "frame_rate": released.frame_rate,
        "trained_on": released.trained_on,
    }
    assert settings["licence"] == "none: the weights are random"


@pytest.mark.parametrize("name", SMALLEST)
def test_the_recipe_has_the_last_word(name: str) -> None:
    settings: Any = load_backbone(config(name, frames_per_segment=2)).settings
    assert (settings["frames_per_segment"], settings["preprocess"]["crop"]) == (2, SMALLEST[name])


@pytest.mark.parametrize("name", SMALLEST)
def test_one_feature_for_each_segment(name: str) -> None:
    loaded = load_backbone(config(name, frames_per_segment=4))
    network = SegmentNetwork(loaded, device="cpu", num_segments=3)
    frames = np.random.default_rng(0).integers(0, 256, (12, 40, 48, 3), np.uint8)
    features = network(Clip(frames, np.arange(12).reshape(3, 4), 12))
    assert features.shape[0] == 3 and features.dtype == np.float32
    with torch.inference_mode():
        plain = loaded.network(loaded.draw(torch.from_numpy(frames), torch.arange(12).view(3, 4)).flatten(0, 1))
    assert np.abs(features - plain.numpy()).max() < 1e-4 * plain.abs().max()


@pytest.mark.parametrize("name", SMALLEST)
def test_a_file_of_weights_has_a_licence(name: str, tmp_path: Path) -> None:
    entry = FAMILIES[f"{name.partition(':')[0]}:NAME"]
    loaded = load_backbone(config(name))
    state = {
        key: tensor.normal_() if key.endswith("bias") else tensor for key, tensor in loaded.network.state_dict().items()
    }
    path = tmp_path / "own.pth"
    layout = entry.layouts[0]
    torch.save({entry.wrappers[0]: {layout.names(key): tensor for key, tensor in state.items()}}, path)
    again = load_backbone(config(name, weights=str(path)))
    assert again.settings["licence"] == read_video_networks()[name].licence
    assert again.settings["weights"] == "own.pth"
    for key, tensor in again.network.state_dict().items():
        assert torch.equal(tensor, state[key])


@pytest.mark.parametrize(
    ("name", "weights", "sentence"),
    [
        ("x3d:xxl", "random", "there is no backbone x3d:xxl; near are x3d:"),
        ("x3d:s", "no/such/file.pyth", "fetch X3D_S.pyth of PyTorchVideo's model zoo and give the file"),
        ("x3d:s", "tsm-r50-8f-kinetics400", "belong to the backbone tsm_resnet50, not to x3d:s"),
    ],
)
def test_a_wrong_name_is_a_sentence(name: str, weights: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        load_backbone(Extract(backbone=name, weights=weights))
