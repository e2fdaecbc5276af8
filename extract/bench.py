"""How fast: decode-only, network-only and end-to-end clips per second on the same clips, and peak memory.

Ratios are of one run on one machine. The clips are drawn here: 320x240 XviD with B-frames (H.264 for NVDEC), 186
frames, the size and mean length of UCF101's; for skeletons NTU's text with 80 frames of one body. Where the seconds
of one clip go is measured in `phases`.
"""

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from common.device import choose_device, device_name
from common.errors import UserError
from extract.clip import Clip
from extract.decoding.decoders import DECODERS
from extract.decoding.pool import DecodeTask, Failure, decode_all
from extract.decoding.synthetic_clip import write_numbered_clip
from extract.gpu_load import GpuLoad
from extract.machine import Machine
from extract.networks.backbone import Input
from extract.networks.segment_network import SegmentNetwork
from extract.phases import decode_here, measure_phases
from extract.run import load_network
from extract.skeletons.synthetic_skeleton import write_synthetic_skeleton
from manifests.manifest import Manifest, write_manifest
from manifests.recipes.recipe import Extract

CLIP_FRAMES = {"video": 186, "skeleton": 80}  # UCF101's and NTU's mean
SIZE = (320, 240)
LINUX = sys.platform == "linux"  # peak memory is read from /proc
FILES = 8  # distinct files; more clips repeat them
PLAIN_CLIPS = 24  # at most so many in the plain loop, which is slow


def bench(recipe: Extract, machine: Machine, clips: int) -> dict[str, float | str | int]:
    """Measure on `clips` clips.

    Returns:
        Clips per second and `ratio`: end-to-end / min(decode, network). Where decoding and network share the cores
        (CPU), `floor_ratio` is what perfect sharing of them would give: 1/(1/decode + 1/network) / min(…).
        `share_of_model_only`: end-to-end over what the network does on input that is there already.
        Seconds of one clip in each phase of `extract.phases`, and their shares.
        `against_plain_loop`: end-to-end over one process that decodes a clip, then runs the network on it, in fp32,
        nothing folded, compiled or overlapped.
        `memory_ratio` (Linux): peak memory of extracting 10 x the clips over that of the clips, without the workers'.
        On a GPU also `gpu_utilization` end-to-end, or why it is not known.
    """
    device = torch.device(choose_device(machine.device))
    network = load_network(recipe, machine)
    with tempfile.TemporaryDirectory() as folder:
        kind = network.backbone.input
        paths = _draw(Path(folder), kind, machine.decoder)
        tasks = _tasks(paths, recipe, machine.decoder if kind == "video" else "skeleton", clips, CLIP_FRAMES[kind])
        (clip,) = _decode(tasks[:1], machine)
        images = network.images(clip).shape[:2].numel()
        _run(network, [clip])  # warm-up

        decode = _rate(clips, lambda: sum(1 for _ in _decode(tasks, machine)))
        only_network = _rate(clips, lambda: _run(network, itertools.repeat(clip, clips)))
        with _gpu_load(device) as load:
            end_to_end = _rate(clips, lambda: _run(network, _decode(tasks, machine)))
        phases = measure_phases(network, tasks)
        exact = load_network(recipe.model_copy(update={"precision": "fp32"}), replace(machine, compiled=False))
        plain_tasks = tasks[:PLAIN_CLIPS]
        _plain(exact, clip)  # warm-up
        plain = _rate(len(plain_tasks), lambda: [_plain(exact, decode_here(task)) for task in plain_tasks])
        measure = LINUX and kind == "video"
        memory = [_peak_memory(paths, recipe, machine, count) for count in (clips, 10 * clips)] if measure else []
    slower = min(decode, only_network)
    shared = 1 / (1 / decode + 1 / only_network) if device.type == "cpu" else slower
    return {
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "workers": machine.workers,
        "backbone": f"{recipe.backbone} ({recipe.weights}), {recipe.precision}",
        "images_per_clip": images,
        "clips": clips,
        "decode_clips_per_s": decode,
        "network_clips_per_s": only_network,
        "end_to_end_clips_per_s": end_to_end,
        "network_images_per_s": images * only_network,
        "end_to_end_images_per_s": images * end_to_end,
        "ratio": end_to_end / slower,
        "floor_ratio": shared / slower,
        "share_of_model_only": end_to_end * phases["model"],
        **{f"{phase}_s_per_clip": seconds for phase, seconds in phases.items()},
        **{f"{phase}_share": seconds / sum(phases.values()) for phase, seconds in phases.items()},
        "plain_loop_clips_per_s": plain,
        "against_plain_loop": end_to_end / plain,
        "cosine_to_fp32": _cosine(exact(clip), network(clip)),
        **(
            {"peak_memory_mb": memory[0], "peak_memory_mb_10x": memory[1], "memory_ratio": memory[1] / memory[0]}
            if memory
            else {}
        ),
        **(
            {
                "clips_at_once": network.batches.clips_at_once,
                "cuda_graph": "no" if network.batches.graph is None else "yes",
                "gpu_utilization": load.mean(),
            }
            if network.batches and load
            else {}
        ),
    }


def _run(network: SegmentNetwork, clips: Iterable[Clip]) -> None:
    for _ in network.stream((str(index), clip) for index, clip in enumerate(clips)):
        pass


@torch.inference_mode()
def _plain(network: SegmentNetwork, clip: Clip) -> NDArray[np.float32]:
    """Return a clip's features (N, D) from the backbone as it was given to `SegmentNetwork`."""
    backbone = network.backbone
    images = network.images(clip)  # (N, F, …)
    every = backbone.network.to(network.device)(images.flatten(0, 1)).view(*images.shape[:2], -1)
    features: NDArray[np.float32] = (every.mean(1) if backbone.pooling == "mean" else every.flatten(1)).cpu().numpy()
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


def _tasks(paths: list[Path], recipe: Extract, decoder: str, clips: int, frames: int) -> list[DecodeTask]:
    files = itertools.islice(itertools.cycle(paths), clips)
    return [
        DecodeTask(f"{index}", str(path), recipe.segments, recipe.frames_per_segment, decoder, frames)
        for index, path in enumerate(files)
    ]


def _cosine(exact: NDArray[np.float32], features: NDArray[np.float32]) -> float:
    """Return the lowest cosine of a segment's feature to the same without compilation at fp32, (N, D) each."""
    cosines = (exact * features).sum(axis=1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(features, axis=1)
    return float(cosines.min())


def _peak_memory(paths: list[Path], recipe: Extract, machine: Machine, clips: int) -> float:
    """Return the peak memory in MB of a whole `extract run` over `clips` clips.

    What could grow with the clips is frames, rows and the merge; so the network is a small one, to let many pass.
    """
    folder = paths[0].parent
    splits = ["train" if index % 2 else "test" for index in range(clips)]
    columns = {
        "clip_id": [f"clip{index}" for index in range(clips)],
        "path": [path.name for path in itertools.islice(itertools.cycle(paths), clips)],
        "split": splits,
    }
    table = pd.DataFrame({**columns, "label": 0, "class_name": "any", "group": 0, "protocol": "bench"})
    manifest = folder / f"{clips}.csv"
    write_manifest(Manifest(table, ("any",)), manifest)
    options = {
        "--videos": folder,
        "--out": folder / f"{clips}.h5",
        "--backbone": "timm:resnet10t",
        "--weights": "random",
        "--image-size": 64,
        "--frames-per-segment": recipe.frames_per_segment,
        "--workers": machine.workers,
        "--decoder": machine.decoder,
        "--device": machine.device,
    }
    command = [sys.executable, "-m", "extract", "run", str(manifest)]
    command += [str(word) for option in options.items() for word in option]
    said = folder / f"{clips}.log"
    with said.open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        peak = 0.0
        try:
            while process.poll() is None:
                peak = max(peak, _high_water_mark(process.pid))
                time.sleep(0.02)
        finally:
            process.terminate()  # it does not outlive this one
    if process.returncode:
        raise UserError(f"the run that memory is measured on failed: {said.read_text()}")
    return peak


def _high_water_mark(process: int) -> float:
    """Return the peak memory of a process so far in MB. Not `ru_maxrss`: that starts with its parent's."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:  # it ended meanwhile; the mark only rises, so the last reading stands
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)
