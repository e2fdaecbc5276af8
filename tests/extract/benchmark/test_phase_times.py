"""The phases of a clip: what takes longer shows where it belongs, on the way of a CPU and on that of batches."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from extract.backbones import load_backbone
from extract.benchmark import phase_times
from extract.benchmark.phase_times import measure_phases
from extract.decoding.decode_process import DecodeTask
from extract.decoding.pool import decode_all
from extract.decoding.synthetic_clip import write_numbered_clip
from extract.networks.clip_batches import ClipBatches
from extract.networks.segment_network import SegmentNetwork
from manifests.recipes.extraction import Extract

SLOW = 0.15  # seconds; far above what anything here takes by itself
CLIPS_AT_ONCE = 2

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[DecodeTask]:
    path = tmp_path_factory.mktemp("phases") / "numbered.avi"
    write_numbered_clip(path, 20, (64, 64))
    return [DecodeTask(str(number), str(path), 10, 1, "pyav", 20) for number in range(4)]


def slowed(work: Callable[..., Any]) -> Callable[..., Any]:
    def slow(*args: Any, **kwargs: Any) -> Any:
        time.sleep(SLOW)
        return work(*args, **kwargs)

    return slow


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("slow", ["decode", "transfer", "preprocess", "model"])
def test_what_takes_longer_shows_in_its_phase(
    tasks: list[DecodeTask], monkeypatch: pytest.MonkeyPatch, slow: str, batched: bool
) -> None:
    backbone = load_backbone(
        Extract(backbone="timm:test_resnet", weights="random", frames_per_segment=1, image_size=32)
    )
    if slow == "preprocess":
        backbone = replace(backbone, draw=slowed(backbone.draw))
    network = SegmentNetwork(backbone, device="cpu")
    if slow == "model":
        monkeypatch.setattr(network, "pooled", slowed(network.pooled))
    if slow == "decode":
        monkeypatch.setattr(phase_times, "decode_here", slowed(phase_times.decode_here))
    if slow == "transfer":
        arrivals = ((time.sleep(SLOW), outcome)[1] for outcome in list(decode_all(tasks, workers=1, deadline=60)))
        monkeypatch.setattr(phase_times, "decode_all", lambda *_, **__: arrivals)
    if batched:
        shape = (10, 1, 3, 32, 32)
        network.batches = ClipBatches(
            network.pooled, backbone, shape, torch.float32, torch.device("cpu"), CLIPS_AT_ONCE
        )
    seconds = measure_phases(network, tasks)
    assert seconds.keys() == {"decode", "transfer", "preprocess", "model"} and min(seconds.values()) >= 0
    expected = SLOW / CLIPS_AT_ONCE if slow == "model" and batched else SLOW
    found = seconds[slow] + (seconds["decode"] if slow == "transfer" else 0)  # which is what exceeds the decoding
    assert found > 0.8 * expected
    assert all(seconds[other] < seconds[slow] for other in seconds.keys() - {slow})


def test_clips_follow_the_first_few_only(tasks: list[DecodeTask], monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    decode_here = phase_times.decode_here
    monkeypatch.setattr(phase_times, "decode_here", lambda task: decoded.append(task.clip_id) or decode_here(task))
    monkeypatch.setattr(phase_times, "REPEATS", 2)
    network = SegmentNetwork(
        load_backbone(Extract(backbone="timm:test_resnet", weights="random", frames_per_segment=1)), device="cpu"
    )
    measure_phases(network, tasks)
    assert decoded == ["0", "0", "1"]  # the first once more, which is not counted
