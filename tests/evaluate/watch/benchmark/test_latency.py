"""`bench-live` measures what is there: every kind of backbone, in a stream that is played in real time."""

import pytest

from common.errors import UserError
from evaluate.watch.benchmark.latency import measure_latency
from extract.machine import Machine
from manifests.recipes.extraction import Extract

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("backbone", "weights", "measured"),
    [
        ("timm:test_resnet", "random", ["decode", "backbone", "step", "age"]),
        ("joint_statistics", "none", ["step", "age"]),
    ],
)
def test_latencies(backbone: str, weights: str, measured: list[str]) -> None:
    config = Extract(backbone=backbone, weights=weights, frames_per_segment=5, image_size=32, segments=4)
    figures = measure_latency(config, Machine(device="cpu", runtime="torch"), seconds=2.0)
    assert list(figures["milliseconds"]) == measured
    for values in figures["milliseconds"].values():
        assert 0 < values["p50"] <= values["p99"] <= values["max"]
    assert figures["predictions"] == (10 if backbone.startswith("timm") else 7) - 2
    assert figures["frames_per_second"] in (25, 30) and figures["backbone"].startswith(backbone)


def test_pose_models_are_refused() -> None:
    with pytest.raises(UserError, match="blazepose:lite cannot be measured: joints are not found in live video"):
        measure_latency(Extract(backbone="blazepose:lite", weights="mediapipe"), Machine(device="cpu"), seconds=2.0)
