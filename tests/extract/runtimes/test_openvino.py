"""OpenVINO gives torch's features: those of every network, whatever the batch, and nothing is sent."""

import ctypes
import sys
from functools import cache, partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import timm
import torch
from numpy.typing import NDArray
from torch import nn

from extract.backbones import load_backbone
from extract.clip import Clip
from extract.networks.segment_network import SegmentNetwork
from extract.networks.temporal_shift import temporal_shift
from extract.openvino_core import import_openvino, openvino_core
from extract.runtimes import RUNTIMES, CannotPrepare, Preparation
from extract.segments import frame_indices
from manifests.recipes.extraction import Extract

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(find_spec("openvino") is None, reason="the package openvino is not installed"),
]

OPENVINO = RUNTIMES["openvino"]
SMALL = Extract(backbone="timm:test_resnet", weights="random", frames_per_segment=2, segments=4, image_size=32)
CPU = Preparation(torch.device("cpu"), "fp32", casts_input=True, threads=1)


def video_clip(num_frames: int, config: Extract) -> Clip:
    video = np.random.default_rng(num_frames).integers(0, 256, (num_frames, 34, 44, 3), np.uint8)
    segments = frame_indices(num_frames, config.segments, config.frames)
    return Clip(video, segments, num_frames)


def skeleton_clip(config: Extract) -> Clip:
    """One actor of 25 joints in segments of three frames."""
    rows = 75 * config.segments
    points = np.random.default_rng(0).normal(0, 0.5, (rows, 3)).astype(np.float32)
    segments = np.array([[[75 * n, 3, 25, 1], [0, 3 * (n + 1), 25, 1]] for n in range(config.segments)])
    return Clip(points, segments, rows)


@cache
def small_network(precision: str = "fp32", threads: int = 1) -> SegmentNetwork:
    return SegmentNetwork(
        load_backbone(SMALL), device="cpu", precision=precision, num_segments=4, runtime=OPENVINO, threads=threads
    )


def relative(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(found - expected, axis=1).max() / np.linalg.norm(expected, axis=1).min())


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("tsm_resnet50_nl", (1, 3, 5, 1)),
        ("tsm_resnet50", (1, 1, 1, 1)),
        ("tsm_resnet50_online", (1, 1, 1, 1)),
        ("tsm_mobilenetv2", None),
        ("tsn_resnet50", (1, 1, 1, 1)),
        ("efficientnet_lite0", None),
        ("timm:resnet10t", None),
        ("va_cnn", (1, 1, 1, 1)),
    ],
)
def test_features_are_those_of_torch(
    name: str, layers: tuple[int, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ResNet-50s have fewer blocks than in use, because the export takes the longer the more there are."""
    if layers:
        monkeypatch.setattr("timm.create_model", partial(timm.create_model, layers=layers))
    config = Extract(backbone=name, weights="random", frames_per_segment=4, segments=2, image_size=64)
    backbone = load_backbone(config)
    clip = skeleton_clip(config) if name == "va_cnn" else video_clip(30, config)
    expected, found = (
        SegmentNetwork(backbone, device="cpu", num_segments=2, runtime=runtime)(clip) for runtime in RUNTIMES.values()
    )
    assert 0.01 < np.abs(expected).max() < 1000
    assert relative(found, expected) < 1e-4  # measured, also with all blocks: below 5e-6


def test_half_precision_is_close() -> None:
    precision = "bf16"
    clip = video_clip(40, SMALL)
    try:
        network = small_network(precision)
    except CannotPrepare as reason:
        assert str(reason) == f"this processor has no {precision}"
        pytest.skip(str(reason))
    found, expected = network(clip), SegmentNetwork(load_backbone(SMALL), device="cpu")(clip)
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    assert ((found * expected).sum(axis=1) / lengths).min() >= 0.999
    assert relative(found, expected) > 1e-5  # it is not fp32
    assert found.dtype == np.float32 and network.settings["precision"] == precision


def test_bits_do_not_depend_on_the_batch_or_on_earlier_clips() -> None:
    network = small_network()
    clip = video_clip(40, SMALL)
    first = network(clip)
    turned = Clip(clip.content, clip.segments[::-1].copy(), clip.num_frames)
    assert np.array_equal(network(turned)[::-1], first)
    assert not np.array_equal(network(video_clip(41, SMALL)), first)
    assert np.array_equal(network(clip), first)


def test_what_is_recorded() -> None:
    network = small_network()
    assert network.settings["runtime"] == "openvino" and str(network.settings["openvino"]).startswith("20")
    assert str(network.settings["device"]).endswith(", 1 threads)")
    torch_settings = SegmentNetwork(load_backbone(SMALL), device="cpu").settings
    assert torch_settings.keys() == network.settings.keys() - {"runtime", "openvino"}


class Shifted(nn.Module):
    """The temporal shift after a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return temporal_shift(self.convolution(x), 4).flatten(1)


def test_the_temporal_shift_is_exported() -> None:
    network, images = Shifted(), torch.randn(8, 3, 5, 5)
    with torch.no_grad():
        expected = network(images)
        found = OPENVINO.prepare(network, torch.zeros_like(images), CPU).compute(images)
        assert "copy_" not in str(torch.export.export(network, (images,)).graph), "no assignment to slices"
    shifted = (expected.view(2, 4, 16, -1)[:, :-1, :2] != 0).any() and (
        expected.view(2, 4, 16, -1)[:, -1, :2] == 0
    ).all()
    assert shifted and torch.allclose(found, expected, atol=1e-6)
    assert torch.equal(found == 0, expected == 0)


class ByItsMean(nn.Module):
    """A branch that depends on a value, which no graph can express."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        every: torch.Tensor = self.linear(x)
        return every if x.mean() > 0 else -every


def huge() -> nn.Module:
    layers = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU())
    for weight in layers.parameters():
        weight.data.fill_(-1e30)
    return layers


@pytest.mark.parametrize(
    ("network", "how", "reason"),
    [
        (ByItsMean(), CPU, "the network cannot be exported: "),
        (huge(), CPU, "the features of random images differ from torch's by nan"),
        (nn.Identity(), CPU, "the backbone has no network"),
        (nn.Linear(4, 4), Preparation(torch.device("cuda"), "fp32", True), "it computes on CPUs only"),
        (nn.Linear(4, 4), Preparation(torch.device("cpu"), "bf16", False), "the coordinates of skeletons have to stay"),
    ],
)
def test_what_it_cannot_compute_is_told(network: nn.Module, how: Preparation, reason: str) -> None:
    with pytest.raises(CannotPrepare) as error:
        OPENVINO.prepare(network.requires_grad_(False), torch.zeros(2, 4), how)
    assert str(error.value).startswith(reason)


def test_nothing_is_sent() -> None:
    """OpenVINO would report its import and each conversion through a package, which it does not get here."""
    telemetry = import_openvino().tools.ovc.telemetry_utils.tm
    assert telemetry.__name__ == "openvino.tools.ovc.telemetry_stub"
    assert "openvino_telemetry" not in sys.modules


class SignalStack(ctypes.Structure):
    """`stack_t` of sigaltstack(2)."""

    _fields_ = (("pointer", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def signal_stack() -> int | None:
    """Return the address of the memory that this thread's signal handlers run on."""
    stack = SignalStack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack)) == 0
    return stack.pointer


def test_signals_can_be_handled_after_networks_are_released() -> None:
    """Otherwise a run that has released two networks would crash when a scheduler or Ctrl-C ends it."""
    network = nn.Conv2d(3, 4, 3).requires_grad_(False)
    first = OPENVINO.prepare(network, torch.zeros(1, 3, 8, 8), CPU)
    before = signal_stack()
    second = OPENVINO.prepare(network, torch.zeros(1, 3, 8, 8), CPU)
    del first
    assert signal_stack() == before
    del second
    assert signal_stack() == before


class NotingCore:
    """The core of the process. It notes what it compiles."""

    def __init__(self) -> None:
        self.core, self.graphs = openvino_core(), list[Any]()

    def compile_model(self, graph: Any, *arguments: object) -> Any:
        self.graphs.append(graph)
        return self.core.compile_model(graph, *arguments)

    def get_property(self, *arguments: object) -> Any:
        return self.core.get_property(*arguments)


def test_the_shapes_are_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    core = NotingCore()
    monkeypatch.setattr("extract.runtimes.openvino.openvino_core", lambda: core)
    SegmentNetwork(load_backbone(SMALL), device="cpu", num_segments=4, runtime=OPENVINO, threads=1)
    (graph,) = core.graphs
    assert [str(port.partial_shape) for port in graph.inputs] == ["[8,3,32,32]"]
    assert all(port.partial_shape.is_static for port in graph.outputs)
