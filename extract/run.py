"""A whole run, or one shard of it, on any engine: extract what is missing, and make the cache when nothing is.

A run that is finished is only read, on whatever machine: no network is needed for it, and no decoder. What is on disk
is in `run_folder` and `shard_folder`, the work itself in `shard_worker`.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from common.device import choose_device
from common.errors import UserError
from extract.backbones import load_backbone
from extract.clip import Clip
from extract.doctor import check_decoder
from extract.machine import Machine
from extract.networks.segment_network import SegmentNetwork
from extract.networks.timm_models import first_line
from extract.sampling import sampling_settings
from extract.shards.clip_changes import ClipChanges
from extract.shards.merge import is_merged
from extract.shards.plan import Plan, make_plan, refuse_other_recipe
from extract.shards.run_folder import RunFolder
from extract.shards.run_shards import Progress, conclude, refuse_replaced, work
from extract.shards.settings import recorded_threads, refuse_other_content
from extract.shards.shard_folder import LedgerRow
from extract.sources.inputs import read_clips
from manifests.recipes.recipe import Extract


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
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, LedgerRow]:
    """Make a feature cache, or what is missing of it.

    Clips may be added and removed between two calls: the features of the others are used again.

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
        say: told which clips were added or removed since the run was begun.

    Returns:
        The clips that failed; their features are zeros and not valid.

    Raises:
        UserError: weights are missing, the output belongs to other settings or another process, disk trouble.
    """
    run = RunFolder(cache)
    plan, rows = _planned(run, clips, videos, recipe, machine, shards)
    if _is_finished(run, plan, rows):
        return _read_finished(run, plan, rows, only, say)
    machine = _with_recorded_threads(run, machine)
    network = load_network(recipe, machine)
    if network.backbone.input == "video":
        check_decoder(machine.decoder)
    plan = plan.model_copy(update={"machine": replace(plan.machine, threads=machine.threads)})
    refuse_replaced(run, rows, plan)  # before the new list of clips is written
    _tell(run, run.begin(plan, rows, _settings(recipe, machine, network)), say)
    return work(
        run, network, _settings(recipe, machine, network), plan.machine, only=only, stop=stop, progress=progress
    )


def nothing_to_extract(
    clips: str | Path, videos: str | Path | None, cache: Path, recipe: Extract, machine: Machine
) -> bool:
    """Tell whether `extract` with the same arguments would find every clip done or failed, and need no network."""
    run = RunFolder(cache)
    return run.is_planned and _is_finished(run, *_planned(run, clips, videos, recipe, machine, run.plan.shards))


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
    if only is not None:
        run.shard(only)  # refuses one that is not there before a network is loaded
    chosen = run.clips if only is None else run.clips[run.clips["shard"] == only]
    refuse_replaced(run, chosen, run.plan)
    if not retry and run.is_claimed and run.is_finished(chosen):
        return conclude(run, only)
    machine = _with_recorded_threads(run, run.plan.machine)
    machine = replace(
        machine,
        device=device or machine.device,
        workers=workers or machine.workers,
        deadline=deadline or machine.deadline,
    )
    network = load_network(run.plan.recipe, machine)
    if network.backbone.input == "video":
        check_decoder(machine.decoder)
    settings = _settings(run.plan.recipe, machine, network)
    return work(run, network, settings, machine, only=only, retry=retry, stop=stop, progress=progress)


def _planned(
    run: RunFolder, clips: str | Path, videos: str | Path | None, recipe: Extract, machine: Machine, shards: int
) -> tuple[Plan, pd.DataFrame]:
    """Return the plan and its clips, each in the shard where the run folder has it already."""
    listing = read_clips(str(clips), None if videos is None else str(videos), recipe.column)
    return run.keep_shards(*make_plan(str(clips), listing, recipe, machine, shards))


def _is_finished(run: RunFolder, plan: Plan, rows: pd.DataFrame) -> bool:
    if not run.is_planned or not run.is_claimed or run.plan.shards != plan.shards:
        return False  # `begin` says what is wrong
    run.changes(plan, rows)  # refuses clips with other paths
    return run.is_finished(rows)


def _read_finished(
    run: RunFolder, plan: Plan, rows: pd.DataFrame, only: int | None, say: Callable[[str], None]
) -> dict[str, LedgerRow]:
    """Find the cache as it is wanted; merge it only where it is not there, or the clips are not those it has."""
    _refuse_other_content(run, plan)
    refuse_replaced(run, rows, plan)
    there = run.plan
    if run.has_planned_clips and there.fingerprint == plan.fingerprint:
        done = run.done()
        failures = run.failures(done)
        if is_merged(run, done) and (not failures or there.videos == plan.videos):
            return failures  # nothing is written: it may be another user's, or on a disk that is read-only
    plan = plan.model_copy(update={"recipe": there.recipe, "machine": there.machine})
    _tell(run, run.begin(plan, rows), say)
    return conclude(run, only)


def _refuse_other_content(run: RunFolder, plan: Plan) -> None:
    """Refuse a finished run that is not what is wanted; what it was computed with does not matter."""
    machine = replace(plan.machine, device="cpu", compiled=False, threads=None)
    try:
        settings = _settings(plan.recipe, machine, load_network(plan.recipe, machine))
    except (UserError, PackageNotFoundError):  # its weights or its decoder are not on this machine
        own = replace(plan.machine, threads=run.plan.machine.threads)
        refuse_other_recipe(run.plan, plan.model_copy(update={"machine": own}), run.cache)
    else:
        refuse_other_content(run.settings(), settings | {"compiled": plan.machine.compiled}, run.cache)


def _with_recorded_threads(run: RunFolder, machine: Machine) -> Machine:
    """Go on with as many threads as the run was begun with, unless a number is given: they decide the last bits."""
    if machine.threads is not None or not run.is_planned:
        return machine
    recorded = recorded_threads(run.settings()) if run.is_claimed else None
    return replace(machine, threads=recorded or run.plan.machine.threads)


def _tell(run: RunFolder, changes: ClipChanges, say: Callable[[str], None]) -> None:
    if changes:
        say(f"{run.cache}: its list of clips changed: {changes}; the features of the others are used again")


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
    backbone = load_backbone(recipe, machine.weights_folder)
    try:
        network = SegmentNetwork(
            backbone, device=device, precision=recipe.precision, compiled=machine.compiled, num_segments=recipe.segments
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


def _settings(recipe: Extract, machine: Machine, network: SegmentNetwork) -> dict[str, object]:
    """Return everything that decides a value."""
    sampling = sampling_settings(recipe, machine.decoder, network.backbone.input)
    return {**sampling, **network.backbone.settings, **network.settings}
