"""How long each phase of a clip takes: decoding, transfer to the device, preprocessing, and the network.

Each phase is measured alone, one clip at a time. In a run they overlap, see `throughput`.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from extract.clip import Clip
from extract.decoding.decode import decode_clip
from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.pool import decode_all
from extract.networks.segment_network import SegmentNetwork
from extract.skeletons.segment_points import decode_skeleton

REPEATS = 8  # the median of so many measurements counts


def measure_phases(network: SegmentNetwork, tasks: list[DecodeTask]) -> dict[str, float]:
    """Return seconds per clip of `decode` (in one worker), `transfer`, `preprocess` and `model`.

    Transfer is the way from the worker to this process, and from there to the device. The former is the additional time
    of a clip that is decoded in a worker instead of this process.

    Args:
        network: on its device.
        tasks: two or more, of the same kind of clips.
    """
    tasks = tasks[:REPEATS]
    clips: list[Clip] = []
    decode = _each(lambda task: clips.append(decode_here(task)), tasks)
    through = median(_arrivals(tasks))
    upload, stage, model = _on_device(network, clips)
    return {
        "decode": decode,
        "transfer": max(0.0, through - decode) + upload,
        "preprocess": max(0.0, stage - upload),
        "model": model,
    }


def decode_here(task: DecodeTask) -> Clip:
    """Decode a clip in this process. A decoder that hangs or crashes would stop this process too.

    Use it only for clips that this program has written itself; others go through `decode_all`.
    """
    if task.decoder == "skeleton":
        return decode_skeleton(
            Path(task.path), task.num_segments, task.expected, task.legacy_sequence_actors, task.joint_list
        )
    return decode_clip(
        Path(task.path),
        task.num_segments,
        task.frames_per_segment,
        task.decoder,
        task.expected,
        geometry=task.geometry,
    )


def _arrivals(tasks: list[DecodeTask]) -> list[float]:
    """Return the seconds between two consecutive clips of a single worker, without its start."""
    arrived = []
    for outcome in decode_all(tasks, workers=1, deadline=600):
        assert not isinstance(outcome, Failure)  # it was decoded in this process before
        arrived.append(time.perf_counter())
    return [later - sooner for sooner, later in itertools.pairwise(arrived)]


def _on_device(network: SegmentNetwork, clips: list[Clip]) -> tuple[float, float, float]:
    """Return seconds per clip until its frames are on the device, until its images are ready, and of the network."""
    if (batches := network.batches) is None:
        images, segments = network.network_input(clips[0]), torch.from_numpy(clips[0].segments)
        return 0.0, _each(network.network_input, clips), _each(lambda _: network.features(images, segments), clips)
    with torch.cuda.stream(batches.staging):
        upload = _each(lambda clip: [batches.upload(piece) for piece in batches.pieces(clip)], clips)
    stage = _each(lambda clip: batches.stage(clip, 0), clips)
    return upload, stage, _each(lambda _: batches.network.compute(), clips) / batches.clips_at_once


def _each(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Return the median seconds of `work`, with the device's part of it; the first measurement does not count."""
    seconds = []
    for item in (items[0], *items):
        started = time.perf_counter()
        work(item)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return median(seconds[1:])
