"""Extract what is missing of a run's shards. The process that finds every shard complete makes the cache.

Which network makes the features, and whether clips are missing at all, is decided in `extract.run`.
"""

import contextlib
from dataclasses import dataclass
from typing import Any

import pandas as pd

from extract.decoding.decode_process import DecodeTask
from extract.extraction import RunControl
from extract.feature_settings import segment_time
from extract.machine import Machine
from extract.networks.segment_network import SegmentNetwork
from extract.shards.begin_run import remove_unfinished_files
from extract.shards.clip_lists import shard_sha256
from extract.shards.folder_lock import LOCK_SECONDS, BusyError
from extract.shards.heartbeat import Heartbeat
from extract.shards.ledger import LedgerRow
from extract.shards.merge import merge
from extract.shards.run_folder import RunFolder
from extract.shards.run_plan import RunPlan
from extract.shards.shard_folder import ShardFolder
from extract.shards.shard_worker import ShardWorker
from extract.skeletons.joint_list import JointList
from extract.sources.fetch import check_scratch
from extract.sources.location import is_url, join
from manifests.pieces import Piece


class Stopped(Exception):
    """The run was asked to stop before it was done. What was finished is kept."""


def extract_shards(
    run: RunFolder,
    network: SegmentNetwork,
    machine: Machine,
    control: RunControl,
    joint_list: JointList | None = None,
) -> dict[str, LedgerRow]:
    """Extract what is missing of one shard or of all; then merge, if no clip is missing any more.

    Args:
        run: what is planned.
        network: makes features of a clip.
        machine: how clips are decoded.
        control: which shard, which clips of it, and the callbacks.
        joint_list: of skeletons in a general format; None: there is none.

    Returns:
        The clips that failed, by their ids.

    Raises:
        Stopped: `control.stop` was set.
        UserError: the disk cannot be written.
    """
    numbers = range(run.plan.shards) if control.shard is None else [control.shard]
    if is_url(run.plan.videos) or any((run.clips_of(number)["archive"] != "").any() for number in numbers):
        check_scratch()
    total = sum(run.shard_lists[number].clips for number in numbers)
    # What later shards have done already counts from the beginning, or else it would count as speed.
    skipped = {number: _count_skipped(run, number, control) for number in numbers}
    job = _Job(run.plan, network, machine, control, joint_list, total, skipped)
    failures: dict[str, LedgerRow] = {}
    for number in numbers:
        clips = run.clips_of(number)
        with run.shard(number, LOCK_SECONDS if control.shard is not None else 0.0) as shard:
            _extract_missing(job, number, shard, clips)
            failures.update(_complete(shard, clips))
        if control.stop is not None and control.stop.is_set():
            raise Stopped
    return _merge(run, control.shard, failures)


def finish_shards(run: RunFolder, only: int | None) -> dict[str, LedgerRow]:
    """Write down that no clip of one shard (None: of all) is missing; then merge, if that holds for every shard.

    Returns:
        The clips that failed, by their ids.
    """
    failures = {}
    for number in range(run.plan.shards) if only is None else [only]:
        with run.shard(number, LOCK_SECONDS if only is not None else 0.0) as shard:
            with contextlib.suppress(OSError):  # the disk may be read-only now
                shard.heartbeat.unlink(missing_ok=True)  # of a worker that was killed
            failures.update(_complete(shard, run.clips_of(number)))
    return _merge(run, only, failures)


@dataclass
class _Job:
    """What the work on all shards has in common, with a count of finished clips for the progress callback."""

    plan: RunPlan
    network: SegmentNetwork
    machine: Machine
    control: RunControl
    joint_list: JointList | None
    total: int
    skipped: dict[int, int]  # by shard
    extracted: int = 0
    shown: int = -1

    def clip_done(self) -> None:
        self.extracted += 1
        self.show()

    def show(self) -> None:
        if (finished := sum(self.skipped.values()) + self.extracted) != self.shown:
            self.shown = finished
            self.control.progress(finished, self.total)


def _count_skipped(run: RunFolder, number: int, control: RunControl) -> int:
    """Count the clips of a shard that need no work."""
    clips = run.clips_of(number)
    return len(clips) - len(_to_do(clips, *run.shard(number).state(clips["clip_id"]), control))


def _to_do(clips: pd.DataFrame, done: set[str], failed: set[str], control: RunControl) -> set[str]:
    """Return the clips of a shard that are missing, or for a retry those that failed."""
    return failed if control.retry else set(clips["clip_id"]) - done - failed


def _extract_missing(job: _Job, number: int, shard: ShardFolder, clips: pd.DataFrame) -> None:
    """Extract the missing clips of a shard, or for a retry the failed ones."""
    dropped = shard.drop_damaged_parts()
    done, failed = shard.state(clips["clip_id"])
    wanted = _to_do(clips, done, failed, job.control)
    todo = clips[clips["clip_id"].isin(wanted)]
    job.skipped[number] = len(clips) - len(todo)  # another worker may have done more meanwhile
    if dropped or len(todo):
        shard.incomplete()
    with Heartbeat(shard.heartbeat, len(clips), len(done), len(failed - wanted)) as heartbeat:
        tasks = (
            task_of_clip(clip, job.plan, job.machine.decoder, job.network, job.joint_list) for clip in todo.itertuples()
        )
        ShardWorker(shard, job.network, job.machine, job.control.stop, heartbeat, job.clip_done).work(tasks)
    if job.extracted:
        job.show()


def _complete(shard: ShardFolder, clips: pd.DataFrame) -> dict[str, LedgerRow]:
    """Write down that no clip of a shard is missing, if that is so; return its clips that failed."""
    done, failed = shard.state(clips["clip_id"])
    if len(done) + len(failed) == len(clips):
        shard.complete(shard_sha256(clips), len(done), len(failed))
    return {clip_id: row for clip_id, row in shard.failures(done).items() if clip_id in failed}


def _merge(run: RunFolder, only: int | None, failures: dict[str, LedgerRow]) -> dict[str, LedgerRow]:
    """Make the cache if no clip is missing; return the clips that failed, of all shards where `only` is None."""
    run.reread()
    if run.unfinished():
        return failures
    try:
        remove_unfinished_files(run)
        every = merge(run)
    except BusyError:  # the last two shards were finished at once, and the worker of the other one merges
        return failures
    return every if only is None else failures


def task_of_clip(
    clip: Any, plan: RunPlan, decoder: str, network: SegmentNetwork, joint_list: JointList | None = None
) -> DecodeTask:
    """Return what a decoder needs to know of a clip.

    Args:
        clip: a row of `clips.csv`.
        plan: of the run.
        decoder: of videos.
        network: gets the clip.
        joint_list: of skeletons in a general format; None: there is none.
    """
    return DecodeTask(
        clip.clip_id,
        join(plan.videos, clip.archive or clip.path),
        plan.recipe.segments,
        plan.recipe.frames,
        decoder if network.backbone.files == "video" else "skeleton",
        clip.frames,
        network.backbone.legacy_sequence_actors,
        offset=clip.offset if clip.archive else 0,
        size=clip.bytes if clip.archive else 0,
        name=clip.path,
        joint_list=joint_list,
        geometry=network.geometry,
        segment_time=segment_time(plan.recipe),
        poses=network.backbone.poses,
        piece=None if (piece := Piece(clip.start, clip.end)).is_whole else piece,
    )
