"""The latency of live recognition on this machine: of each frame, of each step, and of each prediction.

The source is drawn: a 320×240 XviD video at 25 frames a second, or the skeletons of one person at 30. Every frame goes
through the network, which is the most that a stream of this rate can ask for.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.cores import usable_cores
from evaluate.live.model_step import ModelStep
from evaluate.live.recogniser import load_networks
from evaluate.live.trained_model import find_model
from evaluate.watch.benchmark.drawn_model import write_drawn_model
from evaluate.watch.events import Prediction
from evaluate.watch.feeds.video_file import VIDEO_FILE
from evaluate.watch.video_segments import SegmentFeature, WholeSegment
from evaluate.watch.watch_settings import WatchSettings
from evaluate.watch.watcher import STANDARD_INPUT, Watcher
from extract.backbones.blazepose import refuse_poses
from extract.decoding.resize_frame import FrameResizer
from extract.decoding.synthetic_clip import write_numbered_clip
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.networks.frame_stream import FrameStream, takes_single_frames
from extract.networks.segment_network import SegmentNetwork
from extract.shards.settings import recorded_runtime
from extract.skeletons.synthetic_skeleton import write_synthetic_skeleton
from manifests.recipes.extraction import Extract

RATES = {"video": 25, "skeleton": 30}  # frames a second
KINECT_JOINTS = 25
STEPS = 500  # of the student
WARM_UP = 2  # segments of the stream that are not counted: the first frames of a process are slower


@dataclass(frozen=True)
class _Source:
    """A drawn recording and what it is read with."""

    file: Path
    rate: int
    frames: int
    skeleton: bool


def measure_latency(config: Extract, machine: Machine, seconds: float) -> dict[str, Any]:
    """Measure.

    Args:
        config: the backbone, whose frames per segment are F; a segment of the stream lasts F frames.
        machine: what it runs on.
        seconds: how long the stream plays, in real time.

    Returns:
        Milliseconds, each as p50, p99 and largest: `decode` a frame with its resize, `backbone` a frame (or the whole
        segment where the network needs it), `step` of the student, and `age` of a prediction, from the arrival of its
        last frame. `frames_per_second` of the stream, and `dropped_frames` of it.

    Raises:
        UserError: the backbone is a pose model.
    """
    refuse_poses(config, "joints are not found in live video, so `watch` does not have it either")
    network = load_segment_network(config, machine, segments_at_once=1)
    skeleton = network.backbone.input == "skeleton"
    with tempfile.TemporaryDirectory() as folder:
        source = _draw(Path(folder), skeleton, seconds)
        write_drawn_model(Path(folder) / "model", config, machine, load_segment_network(config, machine), source.file)
        watcher = Watcher.load(Path(folder) / "model", device=machine.device)
        apart = {} if skeleton else _of_frames(network, source)
        apart["step"] = _of_steps(Path(folder) / "model")
        stream = _of_stream(watcher, source, config.frames)
    return {
        "device": str(network.settings["device"]),
        "cores": usable_cores(),
        "backbone": f"{config.backbone} ({config.weights}), {config.precision}",
        "runtime": recorded_runtime(network.settings),
        "frame_by_frame": takes_single_frames(network.backbone),
        "milliseconds": {name: _percentiles(values) for name, values in {**apart, "age": stream.pop("age")}.items()},
        **stream,
    }


def _draw(folder: Path, skeleton: bool, seconds: float) -> _Source:
    rate = RATES["skeleton" if skeleton else "video"]
    frames = round(seconds * rate)
    file = folder / ("drawn.skeleton" if skeleton else "drawn.avi")
    write_synthetic_skeleton(file, frames) if skeleton else write_numbered_clip(file, frames)
    return _Source(file, rate, frames, skeleton)


def _of_frames(network: SegmentNetwork, source: _Source) -> dict[str, list[float]]:
    """Return the seconds of each frame: decoded and resized, and in the backbone."""
    preprocess = network.backbone.preprocess
    assert preprocess is not None
    resize, size = FrameResizer(preprocess.geometry), int(str(network.backbone.settings["frames_per_segment"]))
    single = takes_single_frames(network.backbone)
    feature: SegmentFeature = FrameStream.open(network) if single else WholeSegment(network)
    decoded, computed = [], []
    began = time.perf_counter()
    for number, frame in enumerate(VIDEO_FILE.frames(str(source.file), 1.0, lambda _: None)):
        picture = resize(frame.convert())
        decoded.append(time.perf_counter() - began)
        began = time.perf_counter()
        if number % size == 0:
            feature.reset()
        feature.push(picture, resized=True)
        if number % size == size - 1:
            feature.features()
        if single or number % size == size - 1:
            computed.append(time.perf_counter() - began)
        began = time.perf_counter()
    return {"decode": decoded[size:], "backbone": computed[WARM_UP:]}


@torch.inference_mode()
def _of_steps(model: Path) -> list[float]:
    """Return the seconds of each step of the student."""
    networks = load_networks(find_model(model))
    step, dimension = ModelStep(networks, networks[0][1]).eval(), networks[0][0].recurrent
    assert dimension is not None
    features, state = torch.zeros(1, dimension.input_size), torch.zeros(1, step.state_width)
    seconds = []
    for _ in range(STEPS):
        began = time.perf_counter()
        _, state = step(features, state)
        seconds.append(time.perf_counter() - began)
    return seconds[STEPS // 10 :]


def _of_stream(watcher: Watcher, source: _Source, frames_per_segment: int) -> dict[str, Any]:
    """Return the age of each prediction of the stream in real time, and what was dropped."""
    per_segment = 8 if source.skeleton else frames_per_segment
    settings = WatchSettings(action_seconds=watcher.num_segments * per_segment / source.rate)
    name = STANDARD_INPUT if source.skeleton else str(source.file)
    lines = _lines(source) if source.skeleton else ()
    events = [event for event in watcher.watch([name], settings, lines) if isinstance(event, Prediction)]
    counted = events[WARM_UP:]
    dropped = sum(event.dropped for event in counted)
    return {
        "age": [event.age for event in counted],
        "frames_per_second": source.rate,
        "dropped_frames": dropped,
        "predictions": len(counted),
    }


def _lines(source: _Source) -> Iterator[str]:
    """Yield the skeletons of one person who moves at random, in real time."""
    chance, began = np.random.default_rng(0), time.monotonic()
    joints = chance.uniform(-1, 1, (KINECT_JOINTS, 3))
    for number in range(source.frames):
        joints += 0.02 * chance.standard_normal(joints.shape)
        time.sleep(max(0.0, began + number / source.rate - time.monotonic()))
        yield json.dumps({"bodies": [joints.tolist()], "time": number / source.rate})


def _percentiles(seconds: list[float]) -> dict[str, float]:
    values: NDArray[np.float64] = 1000 * np.array(seconds)
    middle, late = np.percentile(values, [50, 99]).tolist()
    return {"p50": middle, "p99": late, "max": float(values.max())}
