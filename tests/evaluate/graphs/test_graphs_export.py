"""Exported graphs give the project's own probabilities in every format, and say what they take."""

import ast
import functools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from common.errors import UserError
from common.files import sha256_of
from distill.checkpoint import load_classifier
from distill.models import Classifier, predict_probabilities
from evaluate.commands.app import app
from evaluate.graphs.export import export_graphs
from evaluate.graphs.formats import FORMATS, refuse_unknown_format
from evaluate.graphs.formats.graph import Compute, Graph, write_checked
from evaluate.graphs.segment_features import SegmentFeatures
from evaluate.live.model_step import ModelStep
from evaluate.live.recogniser import Recogniser
from evaluate.live.trained_model import find_model
from evaluate.pipeline.sources import average
from extract.backbones import load_backbone
from extract.networks.backbone import Backbone, draw_frames
from extract.networks.preprocess import Preprocess
from extract.networks.temporal_shift import TemporalShift
from manifests.recipes.extraction import Extract

MakeModel = Callable[..., Path]
CLOSE = 1e-5
EXAMPLE = Path(__file__).parents[3] / "examples" / "onnx_video.py"


def has(name: str) -> bool:
    """Return whether what a format needs is installed."""
    return all(find_spec(package) is not None for package in FORMATS[name].packages)


EVERY_FORMAT = [pytest.param(name, marks=pytest.mark.skipif(not has(name), reason="not installed")) for name in FORMATS]


def opened(folder: Path, graph: dict[str, str], name: str) -> Compute:
    return FORMATS[name].open(folder / graph["file"])


def over_steps(step: Compute, features: list[Tensor], width: int) -> Tensor:
    """Return the probabilities (B, N, C) after each segment of the features (B, N, D) of each stream."""
    state, each = torch.zeros(len(features[0]), width), []
    for n in range(features[0].shape[1]):
        probabilities, state = step([*(stream[:, n].contiguous() for stream in features), state])
        each.append(probabilities)
    return torch.stack(each, 1)


@pytest.fixture(scope="module")
def native(make_model: MakeModel) -> Path:
    """A model of one seed."""
    return make_model()


@pytest.fixture(scope="module")
def exported(native: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function: from a format, the folder with the graphs of `native`."""

    @functools.cache
    def export(name: str) -> Path:
        out = tmp_path_factory.mktemp(name) / "graphs"
        done = export_graphs(find_model(native), out, name)
        assert {path.name for path in out.iterdir()} == set(done.files)
        return out

    return export


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_from_images_to_probabilities(name: str, native: Path, exported: Callable[[str], Path]) -> None:
    out, model = exported(name), find_model(native)
    described = json.loads((out / "model.json").read_text())
    (stream,) = described["streams"].values()
    assert stream["backbone"]["inputs"] == [{"name": "images", "shape": ["batch", 2, 3, 32, 32]}]
    assert stream["backbone"]["outputs"] == [{"name": "features", "shape": ["batch", 96]}]
    assert [each["name"] for each in described["step"]["inputs"]] == ["features", "state"]
    assert described["step"]["outputs"][0] == {"name": "probabilities", "shape": ["batch", 3]}
    files = {path.name for path in out.iterdir()} - {"model.json"}
    assert described["sha256"] == {file: sha256_of(out / file) for file in files}
    for file in files:
        content = (out / file).read_bytes()
        assert b"site-packages" not in content and bytes(EXAMPLE.parents[1]) not in content, "no path of this machine"
    backbone, step = (opened(out, graph, name) for graph in (stream["backbone"], described["step"]))
    own = load_backbone(Extract(backbone="timm:test_resnet", weights="random", frames_per_segment=2, image_size=32))
    networks = [load_classifier(file) for file in model.files]
    for batch in (1, 3):
        images = torch.randn(batch * 4, 2, 3, 32, 32, generator=torch.Generator().manual_seed(batch))
        (features,) = backbone([images])
        found = over_steps(step, [features.view(batch, 4, 96)], described["state_width"])
        with torch.no_grad():
            expected_features = own.pool(own.network(images.flatten(0, 1)).view(-1, 2, 96)).view(batch, 4, 96)
        expected = average([predict_probabilities(network, expected_features) for network in networks])
        assert np.abs(found.numpy() - expected).max() < CLOSE
        assert expected.std(axis=(0, 1)).max() > 0.02, "the probabilities depend on the features"
    with pytest.raises(UserError, match="graphs exists and holds something else"):
        export_graphs(model, out, name)
    with pytest.raises(UserError, match="holds graphs for other programs; give the model that they were exported from"):
        find_model(out)


JOINED = ("rgb", "depth")
NETWORKS = [("gru", JOINED)] * 3 + [("lstm", ("depth",)), ("cumulative_mean", ("rgb",))]


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_the_step_of_three_seeds_and_of_every_kind(name: str, tmp_path: Path) -> None:
    """Two streams, joined and alone: a step takes one input for each."""
    torch.manual_seed(0)
    widths = {"rgb": 6, "depth": 3}
    made = [
        (Classifier(kind, sum(widths[each] for each in own), 4, 3).eval(), own)  # type: ignore[arg-type]
        for kind, own in NETWORKS
    ]
    step = ModelStep(made, JOINED).eval()
    inputs = {f"features_{each}": (widths[each],) for each in JOINED} | {"state": (step.state_width,)}
    file, *_ = write_checked(Graph("step", step, inputs, ("probabilities", "new_state")), FORMATS[name], tmp_path)
    compute = FORMATS[name].open(tmp_path / file)
    for batch in (1, 3):
        features = {each: torch.randn(batch, 7, widths[each]) for each in JOINED}
        found = over_steps(compute, list(features.values()), step.state_width)
        expected = average(
            [predict_probabilities(network, torch.cat([features[each] for each in own], 2)) for network, own in made]
        )
        assert np.abs(found.numpy() - expected).max() < CLOSE


def colourful(path: Path) -> Path:
    """Write a video of 23 frames whose colours move."""
    coarse = np.random.default_rng(0).integers(0, 256, (23, 6, 8, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 80, 60, "yuv420p", 4_000_000
        for frame in coarse.repeat(10, 1).repeat(10, 2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.skipif(not has("onnx"), reason="not installed")
def test_the_example_without_this_project(native: Path, exported: Callable[[str], Path], tmp_path: Path) -> None:
    """It gives what `predict` gives for the same video."""
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert set(names) == {"json", "sys", "pathlib", "av", "numpy", "onnxruntime", "PIL"}
    video = colourful(tmp_path / "clip.mp4")
    command = [sys.executable, str(EXAMPLE), str(exported("onnx")), str(video)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    expected = Recogniser.load(native, device="cpu").recognise(video)
    assert [line.pop("seen") for line in found] == list(expected.ratios)
    assert list(found[0]) == list(expected.classes)
    difference = np.array([list(line.values()) for line in found]) - expected.probabilities
    assert np.abs(difference).max() < 1e-4
    assert np.ptp(expected.probabilities, axis=0).max() > 1e-3


class Small(nn.Module):
    """A convolution, both kinds of shifts, and the mean over the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3)
        self.both = TemporalShift(nn.Conv2d(16, 8, 1), 4)
        self.previous = TemporalShift(nn.Conv2d(8, 8, 1), 4, "previous")

    def forward(self, x: Tensor) -> Tensor:
        mean: Tensor = self.previous(self.both(self.first(x))).mean((2, 3))
        return mean


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_the_temporal_shift_stays_within_a_segment(name: str, tmp_path: Path) -> None:
    preprocess = Preprocess(8, 8, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    torch.manual_seed(0)
    network = Small().eval().requires_grad_(False)
    features = SegmentFeatures(Backbone(network, draw_frames(preprocess), {"frames_per_segment": 4})).eval()
    file, *_ = write_checked(
        Graph("backbone", features, {"images": (4, 3, 8, 8)}, ("features",)), FORMATS[name], tmp_path
    )
    images = torch.randn(3, 4, 3, 8, 8)
    (found,) = FORMATS[name].open(tmp_path / file)([images])
    alone = torch.stack([network(segment).mean(0) for segment in images])
    assert torch.allclose(found, alone, atol=1e-5)


def test_what_another_program_is_told(native: Path, tmp_path: Path) -> None:
    command = ["export", str(native), "--format", "torch", "--out", str(tmp_path / "graphs")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "With distillation (with), seed 0; model.json, backbone.pt2, step.pt2 (" in result.stdout
    described = json.loads((tmp_path / "graphs" / "model.json").read_text())
    (stream,) = described["streams"].values()
    images = stream["images"]
    assert described["classes"] == ["jump", "run", "wave"] and described["num_segments"] == 4
    assert described["seeds"] == [0] and described["observation_ratios"] == [0.25, 0.5, 0.75, 1.0]
    assert (images["frames_per_segment"], images["resize"], images["crop"]) == (2, 34, 32)
    assert "its shorter side has 34 pixels and the other floor(34 x longer / shorter)" in images["steps"][1]
    assert stream["weights"] == {
        "file": "random",
        "sha256": "random seed=0",
        "name": "random",
        "source": None,
        "note": None,
        "licence": "none: the weights are random",
    }
    assert described["state_width"] == 5 and described["initial_state"].startswith("Before the first segment")
    assert described["versions"]["training"] == {"torch": "2"}
    assert set(described["versions"]["export"]) == {"early-recognition", "torch", "timm"}


def test_what_cannot_be_a_graph_is_refused(make_model: MakeModel, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="bigru sees the whole recording before its first answer.*another method"):
        export_graphs(find_model(make_model(["bigru"])), tmp_path / "graphs", "torch")
    joints = load_backbone(Extract(backbone="joint_statistics", weights="none"))
    with pytest.raises(UserError, match="joint_statistics is arithmetic on skeletons and no network.*--format native"):
        SegmentFeatures(joints)
    with pytest.raises(UserError, match="no format 'onx'; did you mean 'onnx'. known: native, onnx, openvino, torch"):
        refuse_unknown_format("onx")
    missing = replace(FORMATS["onnx"], packages=("no-such-package",))
    with pytest.raises(UserError, match=r"ONNX needs the package no-such-package: uv pip install 'early-recog.*\[onnx"):
        missing.versions()
    assert not (tmp_path / "graphs").exists()


class ByItsMean(nn.Module):
    """A branch that depends on a value, which no graph can express."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.mean() > 0 else -x


class Forgetful(nn.Module):
    """Gives something else when it is exported."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x if torch.compiler.is_exporting() else x


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (ByItsMean(), "step cannot be written as torch.export: "),
        (Forgetful(), "step as torch.export differs from the network by 1 of"),
    ],
)
def test_a_wrong_graph_is_not_written(network: nn.Module, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=reason):
        write_checked(Graph("step", network, {"x": (4,)}, ("y",)), FORMATS["torch"], tmp_path)
