"""A run, frozen: the clips in their order with the shard of each, and how their features are to be made.

Written once as `plan.json` and `clips.csv`, read by every worker wherever it runs. What came of it is in `run_folder`.
"""

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict

from common.errors import UserError
from common.run_record import differences
from extract.machine import Machine
from extract.shards.assignment import assign_shards
from extract.shards.sealed import unsealed
from extract.sources.inputs import Listing
from extract.sources.location import is_url
from manifests.recipes.recipe import Extract

NUMBERS = ("frames", "bytes", "offset", "shard")
COLUMNS = ("clip_id", "path", "frames", "bytes", "archive", "offset", "shard")


class Plan(BaseModel):
    """What every worker of a run has to know.

    Attributes:
        clips: where they were listed, as the user gave it.
        videos: the root their paths are relative to: a folder, a URL, tar archives.
        recipe: what decides the features.
        machine: what they are made with; a worker may have another device and other processes.
        shards: how many pieces the run is cut into.
        clips_sha256: of `clips.csv`.
        fingerprint: of clip ids and paths, as the cache keeps it (`Manifest.fingerprint`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clips: str
    videos: str
    recipe: Extract
    machine: Machine
    shards: int
    clips_sha256: str
    fingerprint: str


def make_plan(
    listed: str, listing: Listing, recipe: Extract, machine: Machine, shards: int
) -> tuple[Plan, pd.DataFrame]:
    """Cut the clips into shards, balanced by their expected frames, or by bytes where no frames are known.

    Returns:
        The plan, and the clips with their shards, one row a clip.
    """
    if shards < 1:
        raise UserError(f"{shards} shards cannot be; give 1 or more")
    clips = listing.clips.copy()
    costs = clips["frames"] if (clips["frames"] > 0).any() else clips["bytes"]
    clips["shard"] = assign_shards(clips["clip_id"].tolist(), costs.tolist(), shards)
    clips = clips[list(COLUMNS)]
    if Path(recipe.weights).is_file():  # given from where the command was run
        recipe = recipe.model_copy(update={"weights": str(Path(recipe.weights).resolve())})
    if machine.weights_folder is not None:
        machine = replace(machine, weights_folder=machine.weights_folder.resolve())
    videos = listing.videos if is_url(listing.videos) else str(Path(listing.videos).resolve())
    plan = Plan(
        clips=listed,
        videos=videos,
        recipe=recipe,
        machine=machine,
        shards=shards,
        clips_sha256=clips_sha256(clips),
        fingerprint=listing.fingerprint,
    )
    return plan, clips


def clips_text(clips: pd.DataFrame) -> str:
    """Return `clips.csv`."""
    return clips.to_csv(index=False, lineterminator="\n")


def read_plan(path: Path) -> Plan:
    """Read `plan.json`.

    Raises:
        UserError: it is not one.
    """
    try:
        return Plan.model_validate(unsealed(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is damaged; remove that file and give the clips again, `python -m extract plan CLIPS …` or "
            "`run CLIPS …` with the same options: what is done stays done"
        ) from error


def read_clips(path: Path, sha256: str) -> pd.DataFrame:
    """Read `clips.csv` and check that it is the plan's.

    Raises:
        UserError: it is not what the plan was made of.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; plan again with the same clips") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(f"{path} is not what was planned; plan again with the same clips, and it is written anew")
    kinds = {column: "int64" if column in NUMBERS else "str" for column in COLUMNS}
    return pd.read_csv(io.BytesIO(content), dtype=kinds, keep_default_na=False)


def refuse_other_recipe(there: Plan, wanted: Plan, cache: Path) -> None:
    """Refuse to go on with a plan that is for other features.

    Raises:
        UserError: naming what differs, with both values.
    """
    decisive = {"recipe", "machine"}
    free = {"machine": {"device", "workers", "deadline", "weights_folder"}}  # what does not decide a value
    old, new = (plan.model_dump(mode="json", include=decisive, exclude=free) for plan in (there, wanted))
    if differing := differences(old, new):
        raise UserError(
            f"{cache} was planned with other settings ({', '.join(differing)}); `python -m extract run --out {cache}` "
            f"goes on as planned; for these choose another output, or remove {cache}.run"
        )


def clips_sha256(clips: pd.DataFrame) -> str:
    """Fingerprint of `clips.csv`."""
    return hashlib.sha256(clips_text(clips).encode()).hexdigest()


def shard_sha256(clips: pd.DataFrame) -> str:
    """Fingerprint of a shard's clips: its record of completion holds only for these."""
    pairs = zip(clips["clip_id"].tolist(), clips["path"].tolist(), strict=True)
    rows = "".join(f"{clip}\t{path}\n" for clip, path in pairs)
    return hashlib.sha256(rows.encode()).hexdigest()
