"""A backbone that carries its state is a graph of one segment with the state as an input and an output."""

import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from common.errors import UserError
from evaluate.graphs.export import export_graphs
from evaluate.graphs.formats import FORMATS
from evaluate.graphs.formats.graph import Compute, Graph, write_checked
from evaluate.graphs.segment_features import CarriedFeatures, segment_features
from evaluate.live.recogniser import Recogniser
from evaluate.live.trained_model import find_model
from evaluate.watch.benchmark.drawn_model import write_drawn_model
from extract.backbones import load_backbone
from extract.backbones.movinet import SIZES
from extract.decoding.synthetic_clip import write_numbered_clip
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.networks.backbone import Backbone
from extract.networks.video.movinet import MovinetSize
from manifests.recipes.extraction import Extract

SMALL = MovinetSize(
    8, ((8, ((24, 1, 5),)), (16, ((24, 3, 3),)), (16, ((24, 5, 3),)), (24, ((32, 5, 3),)), (24, ((40, 1, 5),))), 32
)
SEGMENTS, FRAMES, SIDE, CLIPS = 4, 2, 64, 3  # OpenVINO does not pool images that are smaller than its window
CONFIG = Extract(backbone="movinet:a0", weights="random", segments=SEGMENTS, frames_per_segment=FRAMES, image_size=SIDE)
EXAMPLE = Path(__file__).parents[3] / "examples" / "onnx_video.py"
EVERY_FORMAT = [
    pytest.param(name, marks=pytest.mark.skipif(not all(map(find_spec, form.packages)), reason="not installed"))
    for name, form in FORMATS.items()
]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "a0", SMALL)


@pytest.fixture
def backbone() -> Backbone:
    """With weights whose features differ from segment to segment; those of a new network hardly do."""
    loaded = load_backbone(CONFIG)
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in loaded.network.named_parameters():
            weight.copy_(torch.randn_like(weight) * 0.3 if name.endswith("bias") else weight * 3)
    return loaded


def features_of(carried: Compute, images: Tensor, width: int) -> Tensor:
    """Return the features (K, N, D) of the images (K, N, F, …) of K clips, segment by segment."""
    state, each = torch.zeros(len(images), width), []
    for segment in images.unbind(1):
        features, state = carried([segment.contiguous(), state])
        each.append(features)
    return torch.stack(each, 1)


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_segment_by_segment_as_whole_clips(name: str, backbone: Backbone, tmp_path: Path) -> None:
    carried = segment_features(backbone)
    file, *_ = write_checked(Graph("backbone", carried, carried.inputs, carried.outputs), FORMATS[name], tmp_path)
    images = torch.rand(CLIPS, SEGMENTS, FRAMES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = backbone.network(images.flatten(0, 2)).view(CLIPS, SEGMENTS, -1)
    found = features_of(FORMATS[name].open(tmp_path / file), images, *carried.inputs["state"])
    assert (found - expected).norm() < 1e-5 * expected.norm()
    assert (expected[:, 1:] - expected[:, :-1]).norm() > 1e-3 * expected.norm(), "segments differ"
    assert carried.width() == expected.shape[2]


def test_the_description_says_what_to_do_with_the_state(tmp_path: Path) -> None:
    machine, clip = Machine("cpu", runtime="torch", threads=1), tmp_path / "clip.avi"
    write_numbered_clip(clip, 16)
    write_drawn_model(tmp_path / "model", CONFIG, machine, load_segment_network(CONFIG, machine), clip)
    export_graphs(find_model(tmp_path / "model"), tmp_path / "graphs", "torch")
    (stream,) = json.loads((tmp_path / "graphs" / "model.json").read_text())["streams"].values()
    shapes = {each["name"]: each["shape"] for each in stream["backbone"]["inputs"] + stream["backbone"]["outputs"]}
    assert list(shapes) == ["images", "state", "features", "new_state"]
    assert shapes["state"] == shapes["new_state"] == ["batch", *CarriedFeatures(load_backbone(CONFIG)).inputs["state"]]
    assert stream["state"].startswith("Before the first segment of a recording the state is zeros")


@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="not installed")
def test_the_example_carries_the_state(backbone: Backbone, tmp_path: Path) -> None:
    weights, clip, machine = tmp_path / "weights", tmp_path / "clip.avi", Machine("cpu", runtime="torch", threads=1)
    torch.save(backbone.network.state_dict(), weights)
    write_numbered_clip(clip, 30)
    config = CONFIG.model_copy(update={"weights": str(weights)})
    write_drawn_model(tmp_path / "model", config, machine, load_segment_network(config, machine), clip)
    export_graphs(find_model(tmp_path / "model"), tmp_path / "graphs", "onnx", {"features": weights})
    command = [sys.executable, str(EXAMPLE), str(tmp_path / "graphs"), str(clip)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = np.array([list(json.loads(line).values())[1:] for line in lines])
    expected = Recogniser.load(tmp_path / "model", device="cpu", weights=weights).recognise(clip).probabilities
    assert np.abs(found - expected).max() < 1e-5
    assert np.abs(np.diff(expected, axis=0)).max() > 1e-4


def test_another_network_with_a_state_is_refused(backbone: Backbone) -> None:
    other = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))
    with pytest.raises(UserError, match="movinet:a0 carries its state.*no form for one segment.*--format native"):
        segment_features(replace(backbone, network=other))
