"""The work on the shards of a run: each is locked, what is missing of it is extracted, and the last one merges.

Which network makes the features, and whether anything is missing at all, is found out in `extract.run`.
"""

import contextlib
import platform
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from common.errors import UserError, first_few
from extract.decoding.pool import DecodeTask
from extract.machine import Machine
from extract.networks.backbone import Backbone
from extract.networks.segment_network import SegmentNetwork
from extract.shards.heartbeat import Heartbeat
from extract.shards.merge import merge
from extract.shards.plan import Plan, shard_sha256
from extract.shards.run_folder import RunFolder
from extract.shards.shard_folder import LOCK_SECONDS, BusyError, LedgerRow, ShardFolder
from extract.shards.shard_worker import ShardWorker
from extract.shards.source import Source, source_of
from extract.sources.fetch import check_scratch
from extract.sources.location import is_url, join

Progress = Callable[[int, int], None]  # (clips finished by this run or before, all clips)


class Stopped(Exception):
    """The run was asked to stop before it was done. What was finished is kept."""


def work(
    run: RunFolder,
    network: SegmentNetwork,
    settings: Mapping[str, Any],
    machine: Machine,
    *,
    only: int | None,
    retry: bool = False,
    stop: threading.Event | None = None,
    progress: Progress,
) -> dict[str, LedgerRow]:
    """Extract what is missing of one shard or of all; then merge, if nothing is missing any more.

    Args:
        run: what is planned.
        network: what makes features of a clip.
        settings: everything that decides a value.
        machine: how clips are decoded.
        only: this shard; None: all of them.
        retry: take the clips that failed before, instead of those never tried.
        stop: as in `extract.run.extract`.
        progress: as in `extract.run.extract`.

    Returns:
        The clips that failed.

    Raises:
        Stopped: `stop` was set.
        UserError: the videos are not there, other settings, disk trouble.
    """
    if not is_url(run.plan.videos) and not Path(run.plan.videos).is_dir():
        raise UserError(f"the video folder {run.plan.videos} is not there; is it mounted on {platform.node()}?")
    if is_url(run.plan.videos) or (run.clips["archive"] != "").any():
        check_scratch()
    run.claim(settings)
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
            done, failed = shard.state(clips["clip_id"])
            wanted = failed if retry else set(clips["clip_id"]) - done - failed
            todo = clips[clips["clip_id"].isin(wanted)]
            finished += len(clips) - len(todo)
            if dropped or len(todo):
                shard.incomplete()
            with Heartbeat(shard.heartbeat, len(clips), len(done), len(failed - wanted)) as heartbeat:
                tasks = (_task(clip, run.plan, machine, network.backbone) for clip in todo.itertuples())
                ShardWorker(shard, network, machine, stop, heartbeat, clip_done).work(tasks)
            failures.update(_complete(shard, clips))
        if stop is not None and stop.is_set():
            raise Stopped
    return _merge(run, only, failures)


def conclude(run: RunFolder, only: int | None) -> dict[str, LedgerRow]:
    """Note that nothing is missing of one shard or of all; then merge, if nothing is missing any more."""
    failures = {}
    for number in range(run.plan.shards) if only is None else [only]:
        with run.shard(number, LOCK_SECONDS if only is not None else 0.0) as shard:
            with contextlib.suppress(OSError):  # on a disk that is read-only by now
                shard.heartbeat.unlink(missing_ok=True)  # of a worker that was killed
            failures.update(_complete(shard, run.clips[run.clips["shard"] == number]))
    return _merge(run, only, failures)


def _complete(shard: ShardFolder, clips: pd.DataFrame) -> dict[str, LedgerRow]:
    """Note that nothing is missing of a shard, if that is so; return its clips that failed."""
    done, failed = shard.state(clips["clip_id"])
    if len(done) + len(failed) == len(clips):
        shard.complete(shard_sha256(clips), len(done), len(failed))
    return {clip_id: row for clip_id, row in shard.failures(done).items() if clip_id in failed}


def _merge(run: RunFolder, only: int | None, failures: dict[str, LedgerRow]) -> dict[str, LedgerRow]:
    """Make the cache if nothing is missing; return the clips that failed, of all shards where all were asked for."""
    run.forget()
    if run.unfinished():
        return failures
    try:
        run.sweep()
        every = merge(run)
    except BusyError:  # the last two shards were finished at once, and the other one's worker merges
        return failures
    return every if only is None else failures


def refuse_replaced(run: RunFolder, clips: pd.DataFrame, plan: Plan) -> None:
    """Refuse to go on where the files of clips are others than those that the features were made of.

    Args:
        run: what is done.
        clips: some clips of the plan.
        plan: says where their files are.

    Raises:
        UserError: naming the first of them.
    """
    if not run.is_planned or run.plan.shards != plan.shards:
        return  # nothing is done, or `begin` refuses the plan
    columns = (clips[name].tolist() for name in ("clip_id", "path", "archive", "bytes"))
    places = {clip_id: (path, archive, size) for clip_id, path, archive, size in zip(*columns, strict=True)}

    def source(clip_id: str) -> Source | None:
        if clip_id not in places:
            return None
        path, archive, size = places[clip_id]
        return source_of(path, join(plan.videos, archive or path), size if archive else 0)

    if replaced := [sentence for number in set(clips["shard"]) for sentence in run.shard(number).replaced(source)]:
        raise UserError(
            f"{len(replaced)} videos were replaced, or --videos is another folder: {first_few(replaced)}. Put the old "
            f"ones back, or choose another output; what is done in {run.folder} stays as it is"
        )


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
