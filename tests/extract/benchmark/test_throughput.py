"""The bench on a tiny setting: every number there, positive, and related as it says. How fast is not asked here."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from common.errors import UserError
from extract.benchmark import throughput
from extract.benchmark.peak_memory import peak_memory
from extract.benchmark.phase_times import decode_here
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.skeletons.ntu import read_ntu
from extract.skeletons.synthetic_skeleton import write_synthetic_skeleton
from manifests.recipes.extraction import Extract

CLIPS = 3
RECIPE = Extract(backbone="timm:test_resnet", weights="random", image_size=32, frames_per_segment=1)
MACHINE = Machine(device="cpu", workers=1)
PHASES = ("decode", "transfer", "preprocess", "model")
MAY_BE_ZERO = {"transfer_s_per_clip", "transfer_share"}  # a difference, and small clips are there at once
NUMBERS = {
    "decode_clips_per_s",
    "network_clips_per_s",
    "end_to_end_clips_per_s",
    "network_images_per_s",
    "end_to_end_images_per_s",
    "ratio",
    "floor_ratio",
    "cosine_to_fp32",
    "share_of_model_only",
    *(f"{phase}_{what}" for phase in PHASES for what in ("s_per_clip", "share")),
    "plain_loop_clips_per_s",
    "against_plain_loop",
    *(("peak_memory_mb", "peak_memory_mb_10x", "memory_ratio") if throughput.LINUX else ()),
}
Figures = dict[str, float | str | int]


@pytest.fixture(scope="module")
def small_clips() -> Iterator[None]:
    """Short and small; the processes that memory is measured in take one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"CLIP_FRAMES": {"video": 20, "skeleton": 12}, "SIZE": (64, 64), "FILES": 2}.items():
            patch.setattr(throughput, name, value)
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def figures(small_clips: None) -> Figures:
    """What is measured; but the run of ten times the clips is not made, because its process takes seconds to start."""
    measured: list[float] = []

    def memory(paths: list[Path], config: Extract, machine: Machine, clips: int) -> float:
        if clips == CLIPS:
            measured.append(peak_memory(paths, config, machine, clips))
        return measured[0] * {CLIPS: 1, 10 * CLIPS: 1.25}[clips]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(throughput, "peak_memory", memory)
        return throughput.measure_throughput(RECIPE, MACHINE, CLIPS)


def test_every_number_is_there_and_positive(figures: Figures) -> None:
    settings = {"device", "threads", "workers", "runtime", "backbone", "images_per_clip", "clips"}
    assert figures.keys() == NUMBERS | settings
    for name in NUMBERS:
        assert isinstance(figures[name], float), name
        assert math.isfinite(figures[name]) and (figures[name] > 0 or name in MAY_BE_ZERO), name
    assert figures["cosine_to_fp32"] == pytest.approx(1)


def test_the_setting_is_told(figures: Figures) -> None:
    assert str(figures["device"]).startswith("cpu (")
    assert figures["backbone"] == "timm:test_resnet (random), fp32"
    assert (figures["threads"], figures["workers"], figures["clips"], figures["images_per_clip"]) == (1, 1, CLIPS, 10)


def test_the_ratios_are_those_of_the_numbers_beside_them(figures: Figures) -> None:
    decode, network, whole = (figures[f"{what}_clips_per_s"] for what in ("decode", "network", "end_to_end"))
    slower = min(decode, network)
    assert figures["ratio"] == whole / slower
    assert figures["floor_ratio"] == pytest.approx(decode * network / (decode + network) / slower)
    assert 0.5 <= figures["floor_ratio"] < 1  # on a CPU, where both share the cores
    if throughput.LINUX:
        assert figures["memory_ratio"] == figures["peak_memory_mb_10x"] / figures["peak_memory_mb"] == 1.25


def test_the_shares_are_of_a_clips_own_seconds(figures: Figures) -> None:
    seconds = {phase: figures[f"{phase}_s_per_clip"] for phase in PHASES}
    shares = {phase: figures[f"{phase}_share"] for phase in PHASES}
    assert sum(shares.values()) == pytest.approx(1)
    assert shares == {phase: pytest.approx(value / sum(seconds.values())) for phase, value in seconds.items()}
    whole = figures["end_to_end_clips_per_s"]
    assert figures["share_of_model_only"] == pytest.approx(whole * seconds["model"])
    assert figures["against_plain_loop"] == whole / figures["plain_loop_clips_per_s"]


def test_the_plain_loop_gives_the_same_features(small_clips: None, tmp_path: Path) -> None:
    """By another way, with nothing of what makes the extraction fast: else it would be no measure of that."""
    network = load_segment_network(RECIPE, MACHINE)
    assert network.settings["batch_norm"] == "folded"
    paths = throughput._draw(tmp_path, "video", "pyav")
    clip = decode_here(throughput._tasks(paths, RECIPE, "pyav", 1, 20)[0])
    norms = [module for module in network.backbone.network.modules() if isinstance(module, _BatchNorm)]
    called = []
    for norm in norms:
        norm.register_forward_hook(lambda module, _, __: called.append(module))
    np.testing.assert_allclose(throughput._plain(network, clip), network(clip), rtol=1e-4, atol=1e-5)
    assert set(called) == set(norms) and len(norms) > 10


def test_nvdec_is_measured_on_what_it_can_decode(small_clips: None, tmp_path: Path) -> None:
    codecs = {}
    for decoder in ("pyav", "nvdec"):
        with av.open(str(throughput._draw(tmp_path, "video", decoder)[0])) as container:
            codecs[decoder] = container.streams.video[0].codec_context.name
    assert codecs == {"pyav": "mpeg4", "nvdec": "h264"}


@pytest.mark.gpu
@pytest.mark.parametrize("decoder", ["pyav", "nvdec"])
def test_a_gpu_has_numbers_of_its_own(small_clips: None, decoder: str) -> None:
    figures = throughput.measure_throughput(RECIPE, Machine(device="cuda", workers=2, decoder=decoder), 40)
    assert figures.keys() >= NUMBERS | {"clips_at_once", "cuda_graph", "gpu_utilization"}
    assert figures["floor_ratio"] == 1, "decoding and network do not share the cores"
    assert figures["cuda_graph"] == "yes"
    assert float(figures["cosine_to_fp32"]) > 0.999


def test_json_holds_it(figures: Figures) -> None:
    assert json.loads(json.dumps(figures)) == figures


def test_memory_of_a_run_that_failed_is_not_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failing = tmp_path / "python"
    failing.write_text("#!/bin/sh\necho 'error: disk full' >&2\nexit 1\n")
    failing.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(failing))
    with pytest.raises(UserError, match="the run that memory is measured on failed: error: disk full"):
        peak_memory([tmp_path / "0.avi", tmp_path / "1.avi"], RECIPE, MACHINE, 2)


def test_a_decoder_that_fails_ends_the_bench_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "0.avi").write_bytes(b"not a video")
    tasks = throughput._tasks([tmp_path / "0.avi"], RECIPE, "pyav", 1, 20)
    with pytest.raises(UserError, match="pyav cannot decode a clip drawn here: not a video"):
        list(throughput._decode(tasks, MACHINE))


def test_skeletons_are_measured_the_same_way(small_clips: None) -> None:
    recipe = Extract(backbone="joints", weights="none", frames_per_segment=2)
    figures = throughput.measure_throughput(recipe, MACHINE, 3)
    assert figures["images_per_clip"] == 10 and "memory_ratio" not in figures
    assert figures["network_images_per_s"] == 10 * float(figures["network_clips_per_s"])


def test_the_drawn_skeleton_is_a_file_in_ntus_format(tmp_path: Path) -> None:
    write_synthetic_skeleton(tmp_path / "a.skeleton", 20)
    assert read_ntu(tmp_path / "a.skeleton").joints.shape == (20, 1, 25, 3)


def test_pose_models_are_refused() -> None:
    with pytest.raises(UserError, match="blazepose:lite cannot be measured: nobody is in the clips"):
        throughput.measure_throughput(Extract(backbone="blazepose:lite", weights="mediapipe"), MACHINE, CLIPS)
