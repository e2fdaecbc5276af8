"""Throughput: clips per second of decoding alone, of the network alone and end to end, on the same clips.

The clips are drawn for the measurement. Videos are 320x240 XviD with B-frames (H.264 for NVDEC) of 186 frames, the size
and mean length of UCF101's. Skeletons are files in NTU's format with 80 frames of one body.
"""

import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from common.errors import UserError
from extract.backbones.blazepose import refuse_poses
from extract.benchmark.gpu_load import GpuLoad
from extract.benchmark.peak_memory import peak_memory
from extract.benchmark.phase_times import decode_here, measure_phases
from extract.clip import Clip
from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.decoders import DECODERS
from extract.decoding.pool import decode_all
from extract.decoding.synthetic_clip import write_numbered_clip
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.networks.backbone import Input
from extract.networks.segment_network import SegmentNetwork
from extract.shards.settings import recorded_runtime, recorded_threads
from extract.skeletons.synthetic_skeleton import write_synthetic_skeleton
from manifests.recipes.extraction import Extract

CLIP_FRAMES = {"video": 186, "skeleton": 80}  # the means of UCF101 and NTU
SIZE = (320, 240)
LINUX = sys.platform == "linux"  # peak memory is read from /proc
FILES = 8  # number of distinct files; more clips repeat them
PLAIN_CLIPS = 24  # maximum number of clips in the plain loop, which is slow


def measure_throughput(config: Extract, machine: Machine, clips: int) -> dict[str, float | str | int]:
    """Measure on `clips` clips.

    Returns:
        Clips per second and `ratio`: end-to-end / min(decode, network). Where decoding and network share the cores
        (CPU), `floor_ratio` is what perfect sharing of them would give: 1/(1/decode + 1/network) / min(…).
        `share_of_model_only`: end-to-end over the network's rate on input that is on the device already.
        Seconds of one clip in each phase of `phase_times`, and their shares.
        `against_plain_loop`: end-to-end over one process that decodes a clip, then runs the network on it, in fp32,
        without folding, compilation or overlap.
        `memory_ratio` (Linux): peak memory of extracting 10 x the clips over that of the clips; workers do
        not count.
        On a GPU also `gpu_utilization` end-to-end, or why it is unknown.

    Raises:
        UserError: the backbone is a pose model.
    """
    refuse_poses(config, "nobody is in the clips that are drawn here; docs/poses.md has the speed of the pose models")
    network = load_segment_network(config, machine)
    kind = network.backbone.input
    with tempfile.TemporaryDirectory() as folder:
        paths = _draw(Path(folder), kind, machine.decoder)
        tasks = _tasks(paths, config, machine.decoder if kind == "video" else "skeleton", clips, CLIP_FRAMES[kind])
        tasks = [replace(task, geometry=network.geometry) for task in tasks]
        (clip,) = _decode(tasks[:1], machine)
        _run(network, [clip])  # warm-up
        rates, gpu = _measure_rates(network, tasks, clip, machine)
        phases = measure_phases(network, tasks)
        plain_network = load_segment_network(
            config.model_copy(update={"precision": "fp32"}), replace(machine, compiled=False, runtime="torch")
        )
        plain = _plain_rate(plain_network, tasks[:PLAIN_CLIPS], clip)
        memory = _measure_memory(paths, config, machine, clips) if LINUX and kind == "video" else {}
    end_to_end = rates["end_to_end_clips_per_s"]
    return {
        "device": str(network.settings["device"]),
        "threads": recorded_threads(network.settings) or torch.get_num_threads(),
        "workers": machine.workers,
        "runtime": recorded_runtime(network.settings),
        "backbone": f"{config.backbone} ({config.weights}), {config.precision}",
        "images_per_clip": network.images(clip).shape[:2].numel(),
        "clips": clips,
        **rates,
        "share_of_model_only": end_to_end * phases["model"],
        **{f"{phase}_s_per_clip": seconds for phase, seconds in phases.items()},
        **{f"{phase}_share": seconds / sum(phases.values()) for phase, seconds in phases.items()},
        "plain_loop_clips_per_s": plain,
        "against_plain_loop": end_to_end / plain,
        "cosine_to_fp32": _cosine(plain_network(clip), network(clip)),
        **memory,
        **gpu,
    }


def _measure_rates(
    network: SegmentNetwork, tasks: list[DecodeTask], clip: Clip, machine: Machine
) -> tuple[dict[str, float], dict[str, float | str]]:
    """Return the rates of decoding, network and both together, with their ratios; and facts of the GPU, if any."""
    clips, images = len(tasks), network.images(clip).shape[:2].numel()
    decode = _rate(clips, lambda: sum(1 for _ in _decode(tasks, machine)))
    only_network = _rate(clips, lambda: _run(network, itertools.repeat(clip, clips)))
    with _gpu_load(network.device) as load:
        end_to_end = _rate(clips, lambda: _run(network, _decode(tasks, machine)))
    slower = min(decode, only_network)
    shared = 1 / (1 / decode + 1 / only_network) if network.device.type == "cpu" else slower
    rates = {
        "decode_clips_per_s": decode,
        "network_clips_per_s": only_network,
        "end_to_end_clips_per_s": end_to_end,
        "network_images_per_s": images * only_network,
        "end_to_end_images_per_s": images * end_to_end,
        "ratio": end_to_end / slower,
        "floor_ratio": shared / slower,
    }
    if not (network.batches and load):
        return rates, {}
    graph = "no" if network.batches.network.graph is None else "yes"
    return rates, {
        "clips_at_once": network.batches.clips_at_once,
        "cuda_graph": graph,
        "gpu_utilization": load.mean(),
    }


def _plain_rate(network: SegmentNetwork, tasks: list[DecodeTask], clip: Clip) -> float:
    """Return the rate of a loop that decodes a clip, then runs the network on it."""
    _plain(network, clip)  # warm-up
    return _rate(len(tasks), lambda: [_plain(network, decode_here(task)) for task in tasks])


def _measure_memory(paths: list[Path], config: Extract, machine: Machine, clips: int) -> dict[str, float]:
    few, many = (peak_memory(paths, config, machine, count) for count in (clips, 10 * clips))
    return {"peak_memory_mb": few, "peak_memory_mb_10x": many, "memory_ratio": many / few}


def _run(network: SegmentNetwork, clips: Iterable[Clip]) -> None:
    for _ in network.stream((str(index), clip) for index, clip in enumerate(clips)):
        pass


@torch.inference_mode()
def _plain(network: SegmentNetwork, clip: Clip) -> NDArray[np.float32]:
    """Return a clip's features (N, D) from the backbone as it was given to `SegmentNetwork`."""
    backbone = network.backbone
    images = network.images(clip)  # (N, F, …)
    given = backbone.network.to(network.device)(images.flatten(0, 1))
    features: NDArray[np.float32] = backbone.pool_output(given, images.shape[1]).cpu().numpy()
    return features


def _gpu_load(device: torch.device) -> "GpuLoad | nullcontext[None]":
    return GpuLoad(str(torch.cuda.get_device_properties(device).uuid)) if device.type == "cuda" else nullcontext()


def _draw(folder: Path, kind: Input, decoder: str) -> list[Path]:
    paths = [folder / f"{index}{'.avi' if kind == 'video' else '.skeleton'}" for index in range(FILES)]
    for index, path in enumerate(paths):
        if kind == "video":
            write_numbered_clip(path, CLIP_FRAMES[kind], SIZE, DECODERS[decoder].example_codec)
        else:
            write_synthetic_skeleton(path, CLIP_FRAMES[kind], seed=index)
    return paths


def _rate(clips: int, work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return clips / (time.perf_counter() - started)


def _decode(tasks: list[DecodeTask], machine: Machine) -> Iterator[Clip]:
    for outcome in decode_all(tasks, workers=machine.workers, deadline=machine.deadline):
        if isinstance(outcome, Failure):
            raise UserError(f"{tasks[0].decoder} cannot decode a clip drawn here: {outcome.reason}")
        yield outcome[1]


def _tasks(paths: list[Path], config: Extract, decoder: str, clips: int, frames: int) -> list[DecodeTask]:
    files = itertools.islice(itertools.cycle(paths), clips)
    return [
        DecodeTask(f"{index}", str(path), config.segments, config.frames, decoder, frames)
        for index, path in enumerate(files)
    ]


def _cosine(exact: NDArray[np.float32], features: NDArray[np.float32]) -> float:
    """Return the lowest cosine of a segment's features (N, D) to those at fp32 without compilation."""
    cosines = (exact * features).sum(axis=1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(features, axis=1)
    return float(cosines.min())
