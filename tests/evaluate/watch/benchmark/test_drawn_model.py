"""The drawn model is a model: it can be loaded, and it recognises."""

from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import UserError
from evaluate.live.recogniser import Recogniser
from evaluate.watch.benchmark.drawn_model import CLASSES, write_drawn_model
from extract.machine import Machine
from extract.network_loader import load_segment_network
from manifests.recipes.extraction import Extract

CONFIG = Extract(backbone="timm:test_resnet", weights="random", frames_per_segment=2, image_size=32, segments=4)
MACHINE = Machine(device="cpu", runtime="torch")


def test_it_recognises(draw_video: Callable[..., Path], tmp_path: Path) -> None:
    file = draw_video("a.avi", 20)
    write_drawn_model(tmp_path / "model", CONFIG, MACHINE, load_segment_network(CONFIG, MACHINE), file)
    found = Recogniser.load(tmp_path / "model", device="cpu").recognise(file)
    assert found.probabilities.shape == (4, CLASSES)


def test_a_recording_without_features_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        write_drawn_model(
            tmp_path / "model", CONFIG, MACHINE, load_segment_network(CONFIG, MACHINE), tmp_path / "nothing.avi"
        )
