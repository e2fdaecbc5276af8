"""Plan a run: list its clips, give each of them a shard, and write down how features are made.

Only the choice of a precision decodes videos and computes features here. The format of a plan is in
`extract.shards.run_plan`.
"""

from dataclasses import dataclass, replace

import pandas as pd

from common.device import check_device_name
from extract.backbones import find_backbone
from extract.decoding.decoders import find_decoder
from extract.doctor import check_decoder
from extract.extraction import Extraction
from extract.feature_settings import find_joints
from extract.network_loader import load_segment_network
from extract.networks.segment_network import SegmentNetwork
from extract.precision import fastest_network
from extract.runtimes import check_runtime
from extract.shards.begin_run import begin_run, keep_shards
from extract.shards.clip_changes import ClipChanges
from extract.shards.missing_files import found_again, refuse_missing_videos, take_again
from extract.shards.replaced_files import refuse_replaced_files
from extract.shards.run_folder import RunFolder
from extract.shards.run_plan import RunPlan, make_run_plan
from extract.shards.settings import recorded_runtime
from extract.sources.listing import list_clips
from manifests.recipes.extraction import AUTO, Extract


@dataclass(frozen=True)
class PlannedRun:
    """What was planned.

    Attributes:
        clips: number of clips.
        shard_sizes: number of clips of each shard.
        changes: clips that were added or removed since the run was begun.
    """

    clips: int
    shard_sizes: tuple[int, ...]
    changes: ClipChanges


def plan_run(extraction: Extraction) -> PlannedRun:
    """Write the plan of a run into its folder, for workers that are started later.

    A clip's shard depends on its id alone. Where the run was planned before, its clips keep their shards.

    Raises:
        UserError: the weights, the backbone or the decoder cannot be used, or the output belongs to other settings.
    """
    check_runtime(extraction.machine)
    run = RunFolder(extraction.cache)
    extraction = as_begun(run, extraction)
    on_cpu = replace(extraction.machine, device="cpu", compiled=False)
    network = load_segment_network(at_fp32(extraction.config), on_cpu)
    backbone = network.backbone
    if backbone.files == "video":
        check_decoder(extraction.machine.decoder)  # a wrong name fails here and not in every worker
    plan, clips = planned_clips(run, extraction)
    find_joints(backbone, plan.videos, clips["path"])  # as the decoder: a wrong joint list fails here
    refuse_replaced_files(run, clips, plan)
    refuse_missing_videos(plan, clips)
    if plan.recipe.precision == AUTO:
        network = fastest_network(network, plan, clips, on_cpu)
    plan = with_choices(plan, network)
    found = found_again(run, plan, clips)
    changes = begin_run(run, plan, clips)
    take_again(run, found)
    sizes = clips.groupby("shard").size().reindex(range(plan.shards), fill_value=0)
    return PlannedRun(len(clips), tuple(sizes.tolist()), changes)


def planned_clips(run: RunFolder, extraction: Extraction) -> tuple[RunPlan, pd.DataFrame]:
    """Return the plan of an extraction and its clips, each in the shard where the run folder has it already.

    Raises:
        UserError: the backbone, the decoder, the device or the runtime has an unknown name, or the clips cannot be
            listed.
    """
    find_backbone(extraction.config.backbone)  # also where a finished run needs no network
    find_decoder(extraction.machine.decoder)
    check_runtime(extraction.machine)
    check_device_name(extraction.machine.device)
    videos = None if extraction.videos is None else str(extraction.videos)
    listing = list_clips(str(extraction.clips), videos, extraction.config.column)
    plan = make_run_plan(str(extraction.clips), listing, extraction.config, extraction.machine, extraction.num_shards)
    return keep_shards(run, *plan)


def as_begun(run: RunFolder, extraction: Extraction) -> Extraction:
    """Return an extraction with the runtime and the precision that were chosen when the run was begun.

    Where the extraction names them itself, or the run was not begun, they stay as they are.
    """
    config, machine = extraction.config, extraction.machine
    if run.is_planned:
        precision, runtime = run.plan.recipe.precision, run.plan.machine.runtime
    elif run.has_settings:
        settings = run.settings()
        precision, runtime = settings.get("precision", config.precision), recorded_runtime(settings)
    else:
        precision, runtime = config.precision, machine.runtime
    if machine.runtime == AUTO:
        machine = replace(machine, runtime="torch" if machine.compiled else runtime)
    if config.precision == AUTO:
        config = config.model_copy(update={"precision": precision})
    return replace(extraction, config=config, machine=machine)


def at_fp32(config: Extract) -> Extract:
    """Return a config with the precision fp32 in place of "auto"."""
    return config.model_copy(update={"precision": "fp32"}) if config.precision == AUTO else config


def with_choices(plan: RunPlan, network: SegmentNetwork) -> RunPlan:
    """Return a plan with the runtime and the precision of the network in place of "auto"."""
    recipe, machine = plan.recipe, plan.machine
    if recipe.precision == AUTO:
        recipe = recipe.model_copy(update={"precision": network.settings["precision"]})
    if machine.runtime == AUTO:
        machine = replace(machine, runtime=recorded_runtime(network.settings))
    return plan.model_copy(update={"recipe": recipe, "machine": machine})
