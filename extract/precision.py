"""The choice of a precision, `precision = "auto"`: a faster one whose features agree with fp32 on a run's first clips.

It is chosen once for a run and recorded in its plan. Half precision is not always faster: on a processor without AMX,
bf16 was slower than fp32. So the time is measured. On a CPU only OpenVINO is asked for half precision, because it
knows what the processor computes itself. Networks of skeletons stay at fp32.
"""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from common.errors import UserError
from common.log import LOGGER
from extract.clip import Clip
from extract.decoding.decode_process import Failure
from extract.decoding.pool import decode_all
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.networks.segment_network import SegmentNetwork
from extract.shards.run_plan import RunPlan
from extract.shards.run_shards import task_of_clip
from extract.shards.settings import recorded_runtime

FASTER = ("bf16", "fp16")  # in the order in which they are tried
LEAST_COSINE = 0.999  # of a segment's features to those at fp32
LEAST_GAIN = 1.2  # how many times as fast as fp32
CLIPS = 4
REPEATS = 3  # of each measurement, of which the shortest counts: other programs only make it longer


def fastest_network(exact: SegmentNetwork, plan: RunPlan, clips: pd.DataFrame, machine: Machine) -> SegmentNetwork:
    """Return a network of a faster precision whose features agree with fp32; if there is none, the given network.

    Args:
        exact: the network at fp32.
        plan: of the run.
        clips: of the run, with their shards. The first ones that can be decoded are compared.
        machine: what features are made with.
    """
    if exact.backbone.input != "video":
        return exact
    runtime = recorded_runtime(exact.settings)
    if exact.device.type == "cpu" and runtime == "torch":
        return exact
    sample = _first_clips(exact, plan, clips, machine)
    expected = [exact(clip) for clip in sample]
    for precision in FASTER if sample else ():
        config = plan.recipe.model_copy(update={"precision": precision})
        try:
            network = load_segment_network(config, replace(machine, runtime=runtime))
        except UserError as error:
            LOGGER.debug(f"precision {precision}: {error}")
            continue
        cosine = min(_lowest_cosine(network(clip), own) for clip, own in zip(sample, expected, strict=True))
        LOGGER.debug(f"precision {precision}: lowest cosine {cosine:.6f} to fp32 in {len(sample)} clips")
        if cosine >= LEAST_COSINE and _gain(network, exact, sample[0]) >= LEAST_GAIN:
            return network
    return exact


def _gain(network: SegmentNetwork, exact: SegmentNetwork, clip: Clip) -> float:
    """Return how many times as fast a network is as another one, on one clip."""
    seconds: dict[SegmentNetwork, list[float]] = {network: [], exact: []}
    for _ in range(REPEATS):
        for each, own in seconds.items():
            began = time.perf_counter()
            each(clip)
            own.append(time.perf_counter() - began)
    gain = min(seconds[exact]) / min(seconds[network])
    LOGGER.debug(f"precision {network.settings['precision']}: {gain:.2f} times as fast as fp32")
    return gain


def _first_clips(network: SegmentNetwork, plan: RunPlan, clips: pd.DataFrame, machine: Machine) -> list[Clip]:
    """Return the first clips of a run that can be decoded, of twice as many that are tried."""
    rows = clips.head(2 * CLIPS).itertuples()
    tasks = (task_of_clip(row, plan, machine.decoder, network) for row in rows)
    outcomes = decode_all(tasks, workers=machine.workers, deadline=machine.deadline)
    return [outcome[1] for outcome in outcomes if not isinstance(outcome, Failure)][:CLIPS]


def _lowest_cosine(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the lowest cosine of the features (N, D) of a segment; -1 if a feature is not a finite number."""
    if not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return -1.0
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    return float(((found * expected).sum(axis=1) / np.maximum(lengths, np.finfo(np.float32).tiny)).min())
