"""A network that carries its state along a recording: live as in `predict`, and anew with each episode."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from evaluate.live.recogniser import Recogniser
from evaluate.watch.benchmark.drawn_model import write_drawn_model
from evaluate.watch.events import Event, Prediction
from evaluate.watch.watch_settings import WatchSettings
from evaluate.watch.watcher import Watcher
from extract.backbones.movinet import SIZES
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.networks.video.movinet import Movinet, MovinetSize
from manifests.recipes.extraction import Extract

SMALL = MovinetSize(
    8, ((8, ((24, 1, 5),)), (16, ((24, 3, 3),)), (16, ((24, 5, 3),)), (24, ((32, 5, 3),)), (24, ((40, 1, 5),))), 32
)
SEGMENTS, FRAMES, RATE = 4, 2, 25
ACTION = 20  # frames
ROUNDING = 1e-6
Draw = Callable[[str, NDArray[np.uint8]], Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """A function that writes grey levels (frames, H, W) as a video without loss."""

    def write(name: str, grey: NDArray[np.uint8]) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream("ffv1", rate=RATE)
            assert isinstance(stream, av.VideoStream)
            stream.height, stream.width, stream.pix_fmt = *grey.shape[1:], "gray"
            for frame in grey:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
            container.mux(stream.encode(None))
        return path

    return write


@pytest.fixture
def model(tmp_path: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of features of a small MoViNet, which differ from segment to segment."""
    monkeypatch.setitem(SIZES, "a0", SMALL)
    torch.manual_seed(0)
    state = Movinet(SMALL, SEGMENTS, FRAMES).state_dict()
    for name, tensor in state.items():
        if name.endswith("bias"):
            tensor.normal_(0, 0.3)
        elif tensor.dim() == 4:
            tensor.mul_(3)
    folder = tmp_path / "model"
    torch.save(state, tmp_path / "weights")
    shape = {"segments": SEGMENTS, "frames_per_segment": FRAMES, "image_size": 40}
    config = Extract(backbone="movinet:a0", weights=str(tmp_path / "weights"), **shape)
    machine = Machine("cpu", runtime="torch", threads=1)
    write_drawn_model(folder, config, machine, load_segment_network(config, machine), draw("one.avi", actions()[0]))
    return folder


def actions() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, ACTION, 48, 64), np.uint8)


def watched(watcher: Watcher, settings: WatchSettings, *files: Path) -> list[NDArray[np.float32]]:
    """Return the probabilities (n, C) of each file."""
    events: list[Event] = list(watcher.watch([*map(str, files)], settings))
    found = [event for event in events if isinstance(event, Prediction)]
    return [np.stack([each.probabilities for each in found if each.source == str(file)]) for file in files]


def test_the_state_is_carried_through_a_recording_and_not_into_another(model: Path, draw: Draw, tmp_path: Path) -> None:
    files = [draw(f"{name}.avi", grey) for name, grey in zip("ab", actions(), strict=True)]
    weights = tmp_path / "weights"
    recogniser = Recogniser.load(model, device="cpu", weights=weights)
    watcher = Watcher.load(model, device="cpu", weights=weights)
    expected = [recogniser.recognise(file).probabilities for file in files]
    found = watched(watcher, WatchSettings(real_time=False), *files)
    assert np.abs(np.stack(found) - np.stack(expected)).max() < ROUNDING
    assert np.abs(np.diff(expected[0], axis=0)).max() > 100 * ROUNDING


def test_the_next_episode_begins_without_a_state(model: Path, draw: Draw, tmp_path: Path) -> None:
    both, second = draw("both.avi", actions().reshape(-1, 48, 64)), draw("second.avi", actions()[1])
    watcher = Watcher.load(model, device="cpu", weights=tmp_path / "weights")
    settings = WatchSettings(action_seconds=ACTION / RATE, real_time=False)
    (found,), (expected,) = watched(watcher, settings, both), watched(watcher, settings, second)
    assert len(expected) == SEGMENTS and len(found) == 2 * SEGMENTS
    assert np.abs(found[SEGMENTS:] - expected).max() < ROUNDING
    assert np.abs(found[:SEGMENTS] - expected).max() > 100 * ROUNDING
