"""The plan of a run: its clips in their order, the shard of each, and how their features are made.

It is written once, as `plan.json` and the lists of `clip_lists`, and every worker reads it. What workers have done is
in `run_folder`.
"""

import shlex
from dataclasses import replace
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict

from common.errors import UserError
from common.run_record import differences
from extract.machine import Machine
from extract.shards.checked_json import load_checked
from extract.shards.clip_lists import COLUMNS, PIECE
from extract.shards.shard_assignment import assign_shards
from extract.sources.listing import Listing
from extract.sources.location import is_url
from manifests.recipes.extraction import Extract


class RunPlan(BaseModel):
    """What every worker of a run needs to know.

    Attributes:
        clips: where the clips were listed, as the user gave it.
        videos: the root that their paths are relative to: a folder, a URL, tar archives.
        recipe: the config that decides the features.
        machine: what they are made with; a worker may have another device and other processes.
        shards: number of pieces that the run is cut into.
        clips_sha256: checksum of `clips.csv`; "" before the run is begun.
        fingerprint: of clip ids and paths, as the cache keeps it (`Manifest.fingerprint`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clips: str
    videos: str
    recipe: Extract
    machine: Machine
    shards: int
    clips_sha256: str = ""
    fingerprint: str


def make_run_plan(
    listed: str, listing: Listing, config: Extract, machine: Machine, num_shards: int
) -> tuple[RunPlan, pd.DataFrame]:
    """Cut the clips into shards, balanced by their expected frames, or by bytes where no frames are known.

    Args:
        listed: where the clips were listed, as the user gave it.
        listing: the clips.
        config: what decides the features.
        machine: what they are made with.
        num_shards: how many shards.

    Returns:
        The plan, and the clips with their shards, one row a clip.

    Raises:
        UserError: `num_shards` is less than 1.
    """
    if num_shards < 1:
        raise UserError(f"a run cannot have {num_shards} shards; give 1 or more")
    clips = listing.clips.copy()
    costs = clips["frames"] if (clips["frames"] > 0).any() else clips["bytes"]
    clips["shard"] = assign_shards(clips["clip_id"].tolist(), costs.tolist(), num_shards)
    clips = clips.reindex(columns=[*COLUMNS, *PIECE], fill_value=0)
    if Path(config.weights).is_file():  # relative to the folder where the command was run
        config = config.model_copy(update={"weights": str(Path(config.weights).resolve())})
    if machine.weights_folder is not None:
        machine = replace(machine, weights_folder=machine.weights_folder.resolve())
    videos = listing.videos if is_url(listing.videos) else str(Path(listing.videos).resolve())
    plan = RunPlan(
        clips=listed,
        videos=videos,
        recipe=config,
        machine=machine,
        shards=num_shards,
        fingerprint=listing.fingerprint,
    )
    return plan, clips


def read_run_plan(path: Path) -> RunPlan:
    """Read `plan.json`.

    Raises:
        UserError: the file is damaged.
    """
    try:
        return RunPlan.model_validate(load_checked(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is damaged; remove that file and give the clips again, `python -m extract plan CLIPS …` or "
            "`run CLIPS …` with the same options: what is done stays done"
        ) from error


def refuse_other_config(existing: RunPlan, wanted: RunPlan, cache: Path) -> None:
    """Refuse to continue with a plan that is for other features.

    Raises:
        UserError: naming the settings that differ, with both values.
    """
    decisive = {"recipe", "machine"}
    free = {"machine": {"device", "workers", "deadline", "weights_folder"}}  # they decide no value
    old, new = (plan.model_dump(mode="json", include=decisive, exclude=free) for plan in (existing, wanted))
    if differing := differences(old, new):
        raise UserError(
            f"{cache} was planned with other settings ({', '.join(differing)}); "
            f"`python -m extract run --out {shlex.quote(str(cache))}` "
            f"continues as planned; for these choose another output, or remove {cache}.run"
        )
