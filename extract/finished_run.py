"""A run in which every clip is done or has failed. It is only read, on any machine, without a network or a decoder."""

from dataclasses import replace
from importlib.metadata import PackageNotFoundError

import pandas as pd

from common.callbacks import Notify
from common.errors import UserError
from extract.extraction import RunControl
from extract.feature_settings import feature_settings, find_joints
from extract.network_loader import load_segment_network
from extract.shards.begin_run import begin_run, clip_changes
from extract.shards.clip_changes import ClipChanges
from extract.shards.ledger import LedgerRow
from extract.shards.merge import is_merged
from extract.shards.missing_files import found_again
from extract.shards.replaced_files import refuse_replaced_files
from extract.shards.run_folder import RunFolder
from extract.shards.run_plan import RunPlan, refuse_other_config
from extract.shards.run_rows import read_run_rows
from extract.shards.run_shards import finish_shards
from extract.shards.settings import recorded_threads, refuse_other_content
from extract.skeletons.joint_list_file import joint_settings


def is_finished(run: RunFolder, plan: RunPlan, clips: pd.DataFrame) -> bool:
    """Tell whether every clip of a plan is done or has failed, and no file that was missing is there now.

    Raises:
        UserError: some clips have another path than in the run folder.
    """
    if not run.is_planned or not run.has_settings or run.plan.shards != plan.shards:
        return False  # `begin_run` raises the error
    clip_changes(run, plan, clips)  # refuses clips with other paths
    return run.is_finished(clips) and not found_again(run, plan, clips)


def read_finished(run: RunFolder, plan: RunPlan, clips: pd.DataFrame, control: RunControl) -> dict[str, LedgerRow]:
    """Return the failed clips of a finished run. Merge its cache only where it is missing or has other clips.

    Raises:
        UserError: the run has other settings, or files of clips were replaced.
    """
    _refuse_other_content(run, plan, clips)
    refuse_replaced_files(run, clips, plan)
    existing = run.plan
    if run.has_planned_clips and existing.fingerprint == plan.fingerprint:
        found = read_run_rows(run)
        if is_merged(run, found.done) and (not found.failures or existing.videos == plan.videos):
            return found.failures  # nothing is written: the files may be another user's, or on a read-only disk
    plan = plan.model_copy(update={"recipe": existing.recipe, "machine": existing.machine})
    notify_changes(run, begin_run(run, plan, clips), control.notify)
    return finish_shards(run, control.shard)


def notify_changes(run: RunFolder, changes: ClipChanges, notify: Notify) -> None:
    """Call `notify` with a sentence that names the clips which were added or removed, if there are any."""
    if changes:
        notify(f"{run.cache}: its list of clips changed: {changes}; the features of the others are used again")


def _refuse_other_content(run: RunFolder, plan: RunPlan, clips: pd.DataFrame) -> None:
    """Refuse a finished run whose features are others than the plan's; where they were computed does not matter."""
    machine = replace(plan.machine, device="cpu", compiled=False, threads=None, runtime="torch")
    try:
        network = load_segment_network(plan.recipe, machine)
        settings = feature_settings(plan.recipe, machine, network)
    except (UserError, PackageNotFoundError):  # its weights or its decoder are not on this machine
        as_planned = replace(plan.machine, threads=run.plan.machine.threads)
        refuse_other_config(run.plan, plan.model_copy(update={"machine": as_planned}), run.cache)
    else:
        settings |= joint_settings(find_joints(network.backbone, plan.videos, clips["path"]))
        there = run.settings()
        settings["compiled"] = plan.machine.compiled
        if plan.machine.runtime != "torch" and recorded_threads(there) is not None:  # on a GPU it was torch
            settings["runtime"] = plan.machine.runtime
        refuse_other_content(there, settings, run.cache)
