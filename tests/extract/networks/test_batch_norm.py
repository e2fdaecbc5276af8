"""Folded normalisations: the same features for every backbone, and nothing folded that something else still needs."""

import copy
from collections.abc import Callable

import pytest
import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from extract.backbones import BACKBONES, load_backbone
from extract.backbones.frame_network import FrameNetwork
from extract.networks.backbone import Backbone
from extract.networks.batch_norm import fold_batch_norm
from extract.networks.segment_network import SegmentNetwork, example_images
from extract.networks.temporal_shift import TemporalShift
from manifests.recipes.extraction import Extract

FRAME_NETWORKS = [name for name, entry in BACKBONES.items() if isinstance(entry, FrameNetwork)]
AssertAsExact = Callable[[Tensor, Tensor, Tensor], None]

pytestmark = pytest.mark.usefixtures("one_thread")


def norms(network: nn.Module) -> list[_BatchNorm]:
    return [module for module in network.modules() if isinstance(module, _BatchNorm)]


def stir(network: nn.Module) -> nn.Module:
    """Give every normalisation statistics and weights of its own, as a training does."""
    chance = torch.Generator().manual_seed(1)
    for norm in norms(network):
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.normal_(0, 0.3, generator=chance)
        norm.running_var.uniform_(0.5, 2, generator=chance)
        if norm.affine:
            norm.weight.data.uniform_(0.5, 1.5, generator=chance)
            norm.bias.data.normal_(0, 0.2, generator=chance)
    return network.eval().requires_grad_(False)


def backbone(name: str) -> Backbone:
    if name == "va_cnn":
        return load_backbone(Extract(backbone="va_cnn", weights="random", segments=10, image_size=40))
    return load_backbone(Extract(backbone=name, weights="random", frames_per_segment=4, image_size=64))


@pytest.mark.parametrize("name", [*FRAME_NETWORKS, "timm:regnety_002", "va_cnn"])
def test_features_stay_and_every_normalisation_goes(name: str, assert_as_exact: AssertAsExact) -> None:
    given = backbone(name)
    network = stir(given.network)
    double = copy.deepcopy(network).double()
    images = torch.rand(example_images(given).shape[1:], generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        before = network(images)
        folded, count = fold_batch_norm(network, images)
        after = folded(images)
        assert torch.equal(network(images), before)  # left as it was
        exact = double(images.double())
        folded_exact = fold_batch_norm(double, images.double())[0](images.double())
    assert count == len(norms(network)) > 10 and not norms(folded)
    assert (folded_exact - exact).abs().max() < 1e-12 * exact.abs().max()
    assert_as_exact(after, before, exact)
    assert before.std() > 1e-3 * before.abs().max()


def test_a_network_says_that_its_norms_are_folded() -> None:
    assert SegmentNetwork(backbone("timm:test_resnet"), device="cpu").settings["batch_norm"] == "folded"
    vit = load_backbone(Extract(backbone="timm:test_vit", weights="random", frames_per_segment=1))
    assert "batch_norm" not in SegmentNetwork(vit, device="cpu").settings


def test_two_networks_of_one_backbone_do_not_disturb_each_other() -> None:
    given = backbone("timm:test_resnet")
    weights = {name: value.clone() for name, value in given.network.state_dict().items()}
    SegmentNetwork(given, device="cpu", precision="bf16")
    assert all(torch.equal(value, weights[name]) for name, value in given.network.state_dict().items())


class Small(nn.Module):
    """A convolution and its normalisation, with a way to use them that a test chooses."""

    def __init__(self, convolution: nn.Module | None = None, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = convolution or nn.Conv2d(3, 4, 3)
        self.norm = norm or nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(x))
        return out


class SeenByOthers(Small):
    def forward(self, x: Tensor) -> Tensor:
        seen = self.conv(x)
        out: Tensor = self.norm(seen) + seen
        return out


class SeenInAList(Small):
    def forward(self, x: Tensor) -> Tensor:
        seen = self.conv(x)
        return torch.cat([seen, self.norm(seen)])


class SeenByTwo(Small):
    def __init__(self) -> None:
        super().__init__()
        self.other = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.conv(x)
        out: Tensor = self.norm(seen) + self.other(seen)
        return out


class ConvolvesTwice(Small):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(x)) + self.conv(x)
        return out


class NormalisesTwice(Small):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.norm(self.conv(x)))
        return out


class ChangesInBetween(Small):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(x).relu())
        return out


class Standardised(nn.Conv2d):
    """Its weights are not what it multiplies with."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.weight / self.weight.std(), self.bias)


def untracked() -> Small:
    return Small(norm=nn.BatchNorm2d(4, track_running_stats=False))


@pytest.mark.parametrize(
    "make",
    [
        SeenByOthers,
        SeenInAList,
        SeenByTwo,
        ConvolvesTwice,
        NormalisesTwice,
        ChangesInBetween,
        lambda: Small(Standardised(3, 4, 3)),
        untracked,
    ],
)
def test_what_cannot_be_folded_stays(make: type[Small]) -> None:
    network = make()
    if make is not untracked:
        stir(network)
    images = torch.rand(2, 3, 6, 6)
    folded, count = fold_batch_norm(network.eval(), images)
    assert count == 0 and torch.equal(folded(images), network(images))


def test_a_norm_that_still_learns_stays() -> None:
    network = stir(Small()).train()
    _, count = fold_batch_norm(network, torch.rand(2, 3, 6, 6))
    assert count == 0


@pytest.mark.parametrize(
    "network",
    [
        Small(nn.Conv2d(3, 4, 3, bias=False)),
        Small(nn.Conv2d(3, 4, 3, bias=True), nn.BatchNorm2d(4, affine=False)),
        Small(TemporalShift(nn.Conv2d(3, 4, 3), 2)),
        Small(norm=BatchNormAct2d(4)),  # has a ReLU
        Small(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, eps=0.5)),
    ],
)
def test_kinds_of_pairs(network: Small) -> None:
    stir(network).double()
    images = torch.randn(2, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    folded, count = fold_batch_norm(network, images)
    assert count == 1 and not norms(folded)
    torch.testing.assert_close(folded(images), network(images), rtol=1e-12, atol=1e-12)
    assert isinstance(network.norm, _BatchNorm)


def test_nothing_is_left_on_the_modules() -> None:
    network = stir(Small())
    folded, _ = fold_batch_norm(network, torch.rand(1, 3, 6, 6))
    for module in (*network.modules(), *folded.modules()):
        assert not module._forward_hooks and not module._forward_pre_hooks
