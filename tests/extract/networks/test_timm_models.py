"""Networks of strangers: a wrong name or an impossible picture is one sentence that says what is possible."""

import pwd
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn

from common.errors import UserError
from extract.backbones import load_backbone
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.networks.timm_models import check_timm_name, create_timm_model, try_network
from extract.networks.weights import find_weights, weights_folder
from manifests.recipes.extraction import Extract

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("timm:tf_efficientnet_b0_ns", r"renamed the model tf_efficientnet_b0_ns: write timm:tf_efficientnet_b0\.ns_"),
        ("timm:resnet18.nonsense", r"no tag 'nonsense' of timm:resnet18; the tags are .*a1_in1k.*tv_in1k"),
        ("timm:test_vit.", "no tag '' of timm:test_vit; the tags are r160_in1k"),
        ("timm:resnet5O", "no model 'resnet5O'; near are timm:resnet50"),
        ("timm:", "no model ''; near are timm:resnet18, timm:resnet50"),
        ("timm:hf-hub:someone/else", "no model 'hf-hub:someone/else'"),
        ("resnet18", "there is no backbone resnet18; near are .*timm:resnet18"),
        ("timm:volo_d5_512", "puts a border around them"),
        ("timm:deepseek_vit_412m", "puts a border around them"),
    ],
)
def test_a_wrong_name_is_told_the_right_one(name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        load_backbone(Extract(backbone=name, weights="random", frames_per_segment=1))


def test_a_model_that_timm_has_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm.models, "get_deprecated_models", lambda: {"old_net": None})
    with pytest.raises(UserError, match="timm has removed the model old_net"):
        check_timm_name("old_net.some_tag")


def test_a_name_with_its_tag_is_right() -> None:
    check_timm_name("test_vit.r160_in1k")
    check_timm_name("resnet18")


@pytest.mark.parametrize(
    ("model", "size", "sentence"),
    [
        ("vit_tiny_patch16_224", 96, r"pictures of 96 x 96: .*224.*; it was made for 224 x 224$"),
        ("inception_v3", 32, r"pictures of 32 x 32: .*; it was made for 299 x 299$"),
    ],
)
def test_an_impossible_size_is_told_the_possible_one(model: str, size: int, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as told:
        load_backbone(Extract(backbone=f"timm:{model}", weights="random", frames_per_segment=2, image_size=size))
    assert "\n" not in str(told.value)


class Giving(nn.Module):
    def __init__(self, given: object) -> None:
        super().__init__()
        self.given = given

    def forward(self, pictures: Tensor) -> object:
        if isinstance(self.given, Exception):
            raise self.given
        return self.given


class WithPrompt(nn.Module):
    def forward(self, pictures: Tensor, prompt: Tensor) -> Tensor:
        return pictures + prompt


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (Giving(torch.zeros(2, 8, 3, 3)), r"for 2 pictures it gives a tensor of shape \(2, 8, 3, 3\) and not a v"),
        (Giving(torch.zeros(8)), r"gives a tensor of shape \(8,\)"),
        (Giving(torch.zeros(1, 8)), r"gives a tensor of shape \(1, 8\)"),
        (Giving(torch.zeros(2, 0)), r"gives a tensor of shape \(2, 0\)"),
        (Giving([torch.zeros(2, 8)] * 3), "gives 3 tensors"),
        (Giving({"boxes": 1}), "gives a dict"),
        (Giving(torch.full((2, 8), float("nan"))), "gives values that are not finite"),
        (Giving(RuntimeError("first line.\nsecond line")), "x does not take pictures of 32 x 32: first line; choose"),
        (Giving(AssertionError()), "x does not take pictures of 32 x 32: AssertionError; choose another model"),
        (WithPrompt(), "x does not take pictures of 32 x 32: .*missing 1 required positional argument: 'prompt'"),
    ],
)
def test_what_is_no_backbone(network: nn.Module, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        try_network(network, "x", 32, 32)


def test_the_trial_leaves_no_trace() -> None:
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(3 * 8 * 8), nn.Dropout(0.5))
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    before = torch.get_rng_state()
    try_network(network, "x", 8, 8)
    assert network.training and torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_a_model_that_cannot_do_without_a_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    def create_model(*_: object, **__: object) -> nn.Module:
        raise TypeError("unexpected keyword argument 'num_classes'")

    monkeypatch.setattr(timm, "create_model", create_model)
    with pytest.raises(UserError, match="timm cannot build x with 0 classes: unexpected keyword"):
        create_timm_model("x", 0)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_precision_that_fails_is_a_sentence(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a processor has no kernel for it: the network is tried as it will be run, before any clip is."""
    recipe = Extract.model_validate(
        {"backbone": "timm:test_vit", "weights": "random", "image_size": 160, "frames_per_segment": 1, "segments": 2}
        | {"precision": precision}
    )
    machine = Machine(device="cpu")
    assert load_segment_network(recipe, machine).backbone.input == "video"

    def pooled(self: object, images: Tensor) -> Tensor:
        raise RuntimeError('"some_kernel" not implemented\nfor this type')

    monkeypatch.setattr("extract.networks.segment_network.SegmentNetwork.pooled", pooled)
    with pytest.raises(UserError, match=rf'timm:test_vit does not run on cpu in {precision}: "some_kernel" not impl'):
        load_segment_network(recipe, machine)


def test_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def getpwuid(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("EARLY_WEIGHTS", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", getpwuid)
    with pytest.raises(UserError, match="this user has no home folder; set EARLY_WEIGHTS or HOME"):
        weights_folder()
    own = tmp_path / "own.pth"
    own.write_bytes(b"PK\x03\x04")
    assert find_weights(str(own)) == own, "a file of one's own needs no folder"
    monkeypatch.setenv("EARLY_WEIGHTS", "/data/weights")
    assert weights_folder() == Path("/data/weights")
    monkeypatch.setenv("EARLY_WEIGHTS", "~nobody-has-this-name/weights")
    with pytest.raises(UserError, match="set EARLY_WEIGHTS or HOME"):
        weights_folder()
