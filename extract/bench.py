"""How fast: decode-only, network-only and end-to-end clips per second on the same clips, and peak memory.

Ratios are of one run on one machine. The clips are drawn here: 320x240 XviD with B-frames, 186 frames, the size and
mean length of UCF101's; for skeletons NTU's text with 80 frames of one body.
"""

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from extract.backbone import Input
from extract.clip import Clip
from extract.network import SegmentNetwork, choose_device, device_name
from extract.numbered_clip import write_numbered_clip
from extract.pool import DecodeTask, Failure, decode_all
from extract.run import Machine, load_network
from extract.skeletons.drawn_skeleton import write_drawn_skeleton
from manifests.errors import UserError
from manifests.recipe import Extract
from manifests.schema import Manifest, write_manifest

CLIP_FRAMES = {"video": 186, "skeleton": 80}  # UCF101's and NTU's mean
SIZE = (320, 240)
LINUX = sys.platform == "linux"  # peak memory is read from /proc
FILES = 8  # distinct files; more clips repeat them


def bench(recipe: Extract, machine: Machine, clips: int) -> dict[str, float | str | int]:
    """Measure on `clips` clips.

    Returns:
        Clips per second and `ratio`: end-to-end / min(decode, network). Where decoding and network share the cores
        (CPU), `floor_ratio` is what perfect sharing of them would give: 1/(1/decode + 1/network) / min(…).
        `memory_ratio` (Linux): peak memory of extracting 10 x the clips over that of the clips, without the workers'.
    """
    device = choose_device(machine.device)
    network = load_network(recipe, machine)
    with tempfile.TemporaryDirectory() as folder:
        kind = network.backbone.input
        paths = _draw(Path(folder), kind)
        tasks = _tasks(paths, recipe, machine.decoder if kind == "video" else "skeleton", clips, CLIP_FRAMES[kind])
        (clip,) = _decode(tasks[:1], machine)
        images = _images(network, clip)
        network(clip)  # warm-up

        decode = _rate(clips, lambda: sum(1 for _ in _decode(tasks, machine)))
        only_network = _rate(clips, lambda: [network(clip) for _ in range(clips)])
        end_to_end = _rate(clips, lambda: [network(clip) for clip in _decode(tasks, machine)])
        measure = LINUX and kind == "video"
        memory = [_peak_memory(paths, recipe, machine, count) for count in (clips, 10 * clips)] if measure else []
    shared = 1 / (1 / decode + 1 / only_network) if device == "cpu" else min(decode, only_network)
    return {
        "device": device_name(torch.device(device)),
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
        "ratio": end_to_end / min(decode, only_network),
        "floor_ratio": shared / min(decode, only_network),
        "cosine_to_fp32": _cosine_to_fp32(recipe, machine, network, clip),
        **(
            {"peak_memory_mb": memory[0], "peak_memory_mb_10x": memory[1], "memory_ratio": memory[1] / memory[0]}
            if memory
            else {}
        ),
    }


def _draw(folder: Path, kind: Input) -> list[Path]:
    paths = [folder / f"{index}{'.avi' if kind == 'video' else '.skeleton'}" for index in range(FILES)]
    for index, path in enumerate(paths):
        if kind == "video":
            write_numbered_clip(path, CLIP_FRAMES[kind], SIZE)
        else:
            write_drawn_skeleton(path, CLIP_FRAMES[kind], seed=index)
    return paths


def _images(network: SegmentNetwork, clip: Clip) -> int:
    content, segments = (torch.from_numpy(part).to(network.device) for part in (clip.content, clip.segments))
    segments_and_frames = network.backbone.draw(content, segments).shape[:2]
    return segments_and_frames.numel()


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


def _cosine_to_fp32(recipe: Extract, machine: Machine, network: SegmentNetwork, clip: Clip) -> float:
    """Return the lowest cosine of a segment's feature to the same at fp32 without compilation."""
    exact = load_network(recipe.model_copy(update={"precision": "fp32"}), replace(machine, compiled=False))(clip)
    features = network(clip)
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
        while process.poll() is None:
            peak = max(peak, _high_water_mark(process.pid))
            time.sleep(0.02)
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
