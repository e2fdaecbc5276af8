"""A whole run, or one shard of it, on any engine: what is missing is done, and when nothing is, the cache is made.

It knows nobody who started it. What is on disk is in `run_folder` and `shard_folder`, the work itself in
`shard_worker`.
"""

import platform
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from extract.clip import Clip
from extract.decoding.pool import DecodeTask
from extract.doctor import check_decoder
from extract.machine import Machine
from extract.networks.backbone import Backbone
from extract.networks.backbones import load_backbone
from extract.networks.network import SegmentNetwork, choose_device
from extract.networks.timm_models import first_line
from extract.sampling import sampling_settings
from extract.shards.heartbeat import Heartbeat
from extract.shards.plan import Plan, make_plan, shard_sha256
from extract.shards.run_folder import RunFolder
from extract.shards.shard_folder import LOCK_SECONDS, BusyError, LedgerRow, ShardFolder
from extract.shards.shard_worker import ShardWorker
from extract.skeletons.joint_statistics import joint_statistics_backbone
from extract.skeletons.joints import joints_backbone
from extract.sources.fetch import check_scratch
from extract.sources.inputs import read_clips
from extract.sources.location import is_url, join
from extract.va_cnn.backbone import va_cnn_backbone
from manifests.errors import UserError
from manifests.files import inside
from manifests.recipe import Extract

Progress = Callable[[int, int], None]  # (clips finished by this run or before, all clips)


class Stopped(Exception):
    """The run was asked to stop before it was done. What was finished is kept."""


def extract(
    clips: str | Path,
    videos: str | Path | None,
    cache: Path,
    recipe: Extract,
    machine: Machine,
    *,
    shards: int = 1,
    only: int | None = None,
    stop: threading.Event | None = None,
    progress: Progress = lambda finished, total: None,
) -> dict[str, LedgerRow]:
    """Make a feature cache, or what is missing of it.

    Args:
        clips: a manifest, or another list of clips; see `extract.sources.inputs`.
        videos: what their paths are relative to.
        cache: the HDF5 file to make.
        recipe: what decides the features.
        machine: what they are made with.
        shards: how many pieces the run is cut into.
        only: work on this shard alone; None: on all of them, one after the other.
        stop: once it is set, the current clip is finished, everything is kept, and `Stopped` is raised.
        progress: called after every clip.

    Returns:
        The clips that failed; their features are zeros and not valid.

    Raises:
        UserError: weights are missing, the output belongs to other settings or another process, disk trouble.
    """
    listing = read_clips(str(clips), None if videos is None else str(videos), recipe.column)
    network = load_network(recipe, machine)
    if network.backbone.input == "video":
        check_decoder(machine.decoder)
    plan, rows = make_plan(str(clips), listing, recipe, machine, shards)
    run = RunFolder(cache)
    run.begin(plan, rows, _settings(recipe, machine, network))
    return _work(run, network, only, stop, progress)


def go_on(
    cache: Path,
    *,
    only: int | None = None,
    retry: bool = False,
    device: str | None = None,
    workers: int | None = None,
    deadline: float | None = None,
    stop: threading.Event | None = None,
    progress: Progress = lambda finished, total: None,
) -> dict[str, LedgerRow]:
    """Go on with what is planned, everything as it is planned.

    Args:
        cache: the HDF5 file to make.
        only: work on this shard alone; None: on all of them.
        retry: take the clips that failed before, instead of those never tried.
        device: instead of the plan's.
        workers: instead of the plan's.
        deadline: instead of the plan's.
        stop: as in `extract`.
        progress: as in `extract`.

    Returns:
        The clips that failed.

    Raises:
        UserError: nothing is planned, and all that `extract` raises.
    """
    run = RunFolder(cache)
    machine = run.plan.machine
    machine = replace(
        machine,
        device=device or machine.device,
        workers=workers or machine.workers,
        deadline=deadline or machine.deadline,
    )
    if only is not None:
        run.shard(only)  # refuses one that is not there before a network is loaded
    network = load_network(run.plan.recipe, machine)
    if network.backbone.input == "video":
        check_decoder(machine.decoder)
    return _work(run, network, only, stop, progress, machine=machine, retry=retry)


def load_network(recipe: Extract, machine: Machine) -> SegmentNetwork:
    """Return the network of a recipe on a machine's device, with its weights.

    Raises:
        UserError: no such backbone, weights or device, or the network fails on it.
    """
    device = choose_device(machine.device)
    if machine.threads is not None:
        torch.set_num_threads(machine.threads)
    if recipe.weights == "train":
        raise UserError(
            "weights to be trained first are the business of `python -m evaluate reproduce`; train them with "
            "`python -m extract train-vacnn` and give the file"
        )
    if recipe.backbone == "va_cnn":
        backbone = va_cnn_backbone(recipe.weights, recipe.segments, recipe.pictures, recipe.image_size)
    elif recipe.backbone == "joints":
        backbone = joints_backbone(recipe.frames_per_segment)
    elif recipe.backbone == "joint_statistics":
        backbone = joint_statistics_backbone()
    else:
        backbone = load_backbone(
            recipe.backbone,
            recipe.weights,
            frames_per_segment=recipe.frames_per_segment,
            image_size=recipe.image_size,
            weights_folder=machine.weights_folder,
        )
    try:
        network = SegmentNetwork(
            backbone, device=device, precision=recipe.precision, compiled=machine.compiled, segments=recipe.segments
        )
        if backbone.input == "video" and network.batches is None and _is_special(recipe, machine):
            network(_blank_clip(recipe))
    except UserError:
        raise
    except Exception as error:  # every network, compiler and driver has exceptions of its own
        how = f"{recipe.precision}{', compiled' if machine.compiled else ''}"
        raise UserError(f"{recipe.backbone} does not run on {device} in {how}: {first_line(error)}") from error
    return network


def _is_special(recipe: Extract, machine: Machine) -> bool:
    """Tell whether the network runs in another way than `load_backbone` has tried it."""
    return machine.compiled or recipe.precision != "fp32"


def _blank_clip(recipe: Extract) -> Clip:
    segments = np.zeros((recipe.segments, recipe.frames_per_segment), np.int64)
    return Clip(np.zeros((1, 32, 32, 3), np.uint8), segments, 1)


def _work(
    run: RunFolder,
    network: SegmentNetwork,
    only: int | None,
    stop: threading.Event | None,
    progress: Progress,
    *,
    machine: Machine | None = None,
    retry: bool = False,
) -> dict[str, LedgerRow]:
    """Do what is missing of one shard or of all; then merge, if nothing is missing any more."""
    recipe, machine = run.plan.recipe, machine or run.plan.machine
    if not is_url(run.plan.videos) and not Path(run.plan.videos).is_dir():
        raise UserError(f"the video folder {run.plan.videos} is not there; is it mounted on {platform.node()}?")
    if is_url(run.plan.videos) or (run.clips["archive"] != "").any():
        check_scratch()
    run.claim(_settings(recipe, machine, network))
    numbers = range(run.plan.shards) if only is None else [only]
    chosen = run.clips[run.clips["shard"].isin(numbers)]
    finished, failures = 0, {}

    def clip_done() -> None:
        nonlocal finished
        finished += 1
        progress(finished, len(chosen))

    for number in numbers:
        clips = run.clips[run.clips["shard"] == number]
        with run.shard(number, LOCK_SECONDS if only is not None else 0.0) as shard:
            dropped = shard.drop_damaged_parts()
            done, failed = _state(shard, clips)
            _refuse_replaced(shard, clips, run.plan)
            wanted = failed if retry else set(clips["clip_id"]) - done - failed
            todo = clips[clips["clip_id"].isin(wanted)]
            finished += len(clips) - len(todo)
            if dropped or len(todo):
                shard.incomplete()
            with Heartbeat(shard.heartbeat, len(clips), len(done), len(failed - wanted)) as heartbeat:
                tasks = (_task(clip, run.plan, machine, network.backbone) for clip in todo.itertuples())
                ShardWorker(shard, network, machine, stop, heartbeat, clip_done).work(tasks)
            done, failed = _state(shard, clips)
            if len(done) + len(failed) == len(clips):
                shard.complete(shard_sha256(clips), len(done), len(failed))
            failures.update({clip_id: row for clip_id, row in shard.failures(done).items() if clip_id in failed})
        if stop is not None and stop.is_set():
            raise Stopped
    run.forget()
    if run.unfinished():
        return failures
    try:
        every = run.merge()
    except BusyError:  # the last two shards were finished at once, and the other one's worker merges
        return failures
    return every if only is None else failures


def _settings(recipe: Extract, machine: Machine, network: SegmentNetwork) -> dict[str, object]:
    """Return everything that decides a value."""
    sampling = sampling_settings(recipe, machine.decoder, network.backbone.input)
    return {**sampling, **network.backbone.settings, **network.settings}


def _state(shard: ShardFolder, clips: pd.DataFrame) -> tuple[set[str], set[str]]:
    """Return which of a shard's clips are done, and which of the others have failed."""
    planned, done = set(clips["clip_id"]), shard.done().keys()
    return planned & done, planned & shard.failures(done).keys()


def _refuse_replaced(shard: ShardFolder, clips: pd.DataFrame, plan: Plan) -> None:
    if not is_url(plan.videos):
        files = clips[clips["archive"] == ""]
        paths = zip(files["clip_id"], files["path"], strict=True)
        shard.refuse_replaced({clip_id: inside(Path(plan.videos), path) for clip_id, path in paths})


def _task(clip: Any, plan: Plan, machine: Machine, backbone: Backbone) -> DecodeTask:
    """Return what a decoder is told of a row of `clips.csv`."""
    return DecodeTask(
        clip.clip_id,
        join(plan.videos, clip.archive or clip.path),
        plan.recipe.segments,
        plan.recipe.frames_per_segment,
        machine.decoder if backbone.input == "video" else "skeleton",
        clip.frames,
        backbone.legacy_sequence_actors,
        offset=clip.offset if clip.archive else 0,
        size=clip.bytes if clip.archive else 0,
        name=clip.path,
    )
