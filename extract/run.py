"""Extract the features of a whole run or of one shard of it, and make the cache when no clip is missing.

`extract` begins a run or continues it, `resume` continues what is planned. A finished run is only read, see
`extract.finished_run`. What is on disk is in `extract.shards.run_folder` and `extract.shards.shard_folder`.
"""

from dataclasses import replace
from pathlib import Path

from common.device import check_device_name
from extract.doctor import check_decoder
from extract.extraction import Extraction, MachineChanges, RunControl
from extract.feature_settings import feature_settings, find_joints
from extract.finished_run import is_finished, notify_changes, read_finished
from extract.machine import Machine
from extract.network_loader import load_segment_network
from extract.networks.segment_network import SegmentNetwork
from extract.planning import as_begun, at_fp32, planned_clips, with_choices
from extract.precision import fastest_network
from extract.shards.begin_run import begin_run, write_settings
from extract.shards.ledger import LedgerRow
from extract.shards.missing_files import found_again, has_videos, refuse_missing_videos, take_again
from extract.shards.replaced_files import refuse_replaced_files
from extract.shards.run_folder import RunFolder
from extract.shards.run_shards import extract_shards, finish_shards
from extract.shards.settings import recorded_threads
from manifests.recipes.extraction import AUTO, Extract

DEFAULT_CONTROL = RunControl()
AS_PLANNED = MachineChanges()


def extract(extraction: Extraction, control: RunControl = DEFAULT_CONTROL) -> dict[str, LedgerRow]:
    """Make a feature cache, or what is missing of it.

    Clips may be added and removed between two calls. The features of the others are used again.

    Returns:
        The clips that failed, by their ids; their features are zeros and not valid.

    Raises:
        Stopped: `control.stop` was set.
        UserError: weights are missing, the output belongs to other settings or another process uses it, or the disk
            cannot be written.
    """
    run = RunFolder(extraction.cache)
    extraction = as_begun(run, extraction)
    plan, clips = planned_clips(run, extraction)
    if is_finished(run, plan, clips):
        return read_finished(run, plan, clips, control)
    refuse_missing_videos(plan, clips)
    found = found_again(run, plan, clips)
    machine = _with_recorded_threads(run, extraction.machine)
    network = _checked_network(at_fp32(extraction.config), machine)
    if plan.recipe.precision == AUTO:
        network = fastest_network(network, plan, clips, machine)
    plan = plan.model_copy(update={"machine": replace(plan.machine, threads=machine.threads)})
    plan = with_choices(plan, network)
    refuse_replaced_files(run, clips, plan)  # before the new list of clips is written
    joint_list = find_joints(network.backbone, plan.videos, clips["path"])
    settings = feature_settings(plan.recipe, machine, network, joint_list)
    notify_changes(run, begin_run(run, plan, clips, settings), control.notify)
    write_settings(run, settings)
    take_again(run, found)
    return extract_shards(run, network, plan.machine, control, joint_list)


def nothing_to_extract(extraction: Extraction) -> bool:
    """Tell whether every clip is done or has failed, so that `extract` needs no network.

    The number of shards does not matter: it is the one that the run was planned with.
    """
    run = RunFolder(extraction.cache)
    if not run.is_planned:
        return False
    return is_finished(run, *planned_clips(run, replace(extraction, num_shards=run.plan.shards)))


def resume(
    cache: Path, changes: MachineChanges = AS_PLANNED, control: RunControl = DEFAULT_CONTROL
) -> dict[str, LedgerRow]:
    """Continue a run as it is planned.

    Args:
        cache: the HDF5 file to make.
        changes: device, processes and deadline of this process, where they differ from the plan.
        control: which shard to work on, and the callbacks.

    Returns:
        The clips that failed, by their ids.

    Raises:
        Stopped: `control.stop` was set.
        UserError: nothing is planned, and all that `extract` raises.
    """
    return ResumedRun(cache, changes).work(control)


class ResumedRun:
    """A planned run that this process continues, all of it or one shard after the other with the same network.

    Args:
        cache: the HDF5 file to make.
        changes: device, processes and deadline of this process, where they differ from the plan.
    """

    def __init__(self, cache: Path, changes: MachineChanges = AS_PLANNED) -> None:
        self.cache, self.changes = cache, changes
        self._loaded: tuple[Extract, Machine, SegmentNetwork] | None = None

    def work(self, control: RunControl = DEFAULT_CONTROL) -> dict[str, LedgerRow]:
        """Do what `resume` does. The plan is read again each time."""
        run, shard = RunFolder(self.cache), control.shard
        if self.changes.device is not None:
            check_device_name(self.changes.device)
        if shard is not None:
            run.shard(shard)  # an unknown number is refused before a network is loaded
        chosen = run.clips if shard is None else run.clips_of(shard)
        refuse_replaced_files(run, chosen, run.plan)
        found = {} if control.retry else found_again(run, run.plan, chosen)
        if not control.retry and not found and run.has_settings and run.is_finished(chosen):
            return finish_shards(run, shard)
        if shard is None or not has_videos(run.plan, chosen):
            refuse_missing_videos(run.plan, run.clips)
        machine = self.changes.apply(_with_recorded_threads(run, run.plan.machine))
        network = self._network(run.plan.recipe, machine)
        joint_list = find_joints(network.backbone, run.plan.videos, run.paths())
        settings = feature_settings(run.plan.recipe, machine, network, joint_list)
        write_settings(run, settings)
        take_again(run, found)
        return extract_shards(run, network, machine, control, joint_list)

    def _network(self, config: Extract, machine: Machine) -> SegmentNetwork:
        """Return the network; it is loaded again only if a new plan needs another one."""
        if self._loaded is None or self._loaded[:2] != (config, machine):
            self._loaded = config, machine, _checked_network(config, machine)
        return self._loaded[2]


def _checked_network(config: Extract, machine: Machine) -> SegmentNetwork:
    """Return the network of a config, after a check that the decoder of its videos is exact on this machine."""
    network = load_segment_network(config, machine)
    if network.backbone.files == "video":
        check_decoder(machine.decoder)
    return network


def _with_recorded_threads(run: RunFolder, machine: Machine) -> Machine:
    """Return a machine with the number of threads that the run was begun with, unless the machine has a number itself.

    The number of threads decides the last bits of a value.
    """
    if machine.threads is not None or not run.is_planned:
        return machine
    recorded = recorded_threads(run.settings()) if run.has_settings else None
    return replace(machine, threads=recorded or run.plan.machine.threads)
