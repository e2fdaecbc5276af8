"""Clips whose files do not exist: a run of which no file exists is refused; a file that is there now is taken again."""

import contextlib
import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from common.errors import UserError
from extract.clip import MISSING_FILE
from extract.shards.folder_lock import BusyError
from extract.shards.run_folder import RunFolder
from extract.shards.run_plan import RunPlan
from extract.sources.location import is_url, join


def refuse_missing_videos(plan: RunPlan, clips: pd.DataFrame) -> None:
    """Refuse a plan of which no file exists, before each of its clips fails. Files behind URLs are not looked up.

    Raises:
        UserError: the folder of the videos is missing, or no file is in it; the message has the first file.
    """
    if is_url(plan.videos):
        return
    if not Path(plan.videos).is_dir():
        raise UserError(f"the video folder {plan.videos} is not there; is it mounted on {platform.node()}?")
    if not has_videos(plan, clips):
        _, first = next(_places(plan, clips))
        raise UserError(
            f"none of the {len(clips)} clips is in the video folder {plan.videos}: the first one would be {first}; "
            "give the folder (--videos) that the paths of the clips are relative to"
        )


def has_videos(plan: RunPlan, clips: pd.DataFrame) -> bool:
    """Tell whether one of these clips has a file; a URL counts as one. The search ends at the first file."""
    return is_url(plan.videos) or any(_exists(place) for _, place in _places(plan, clips))


def found_again(run: RunFolder, plan: RunPlan, clips: pd.DataFrame) -> dict[int, list[str]]:
    """Return the clips that failed because their file did not exist, and that now have one, by shard.

    A file behind a URL counts as there if the plan's `videos` differ from those that the run folder has.

    Args:
        run: says which clips failed.
        plan: says where their files are.
        clips: some clips of the plan, with their shards.
    """
    if not run.is_planned or run.plan.shards != plan.shards:
        return {}
    elsewhere = run.plan.videos != plan.videos
    found: dict[int, list[str]] = {}
    for number, own in clips.groupby("shard"):
        shard = run.shard(int(str(number)))
        absent = {clip for clip, row in shard.ledger.failures(()).items() if row.reason == MISSING_FILE}
        if not absent:  # as in most shards, whose parts need not be read
            continue
        places = _places(plan, own[own["clip_id"].isin(absent - shard.done().keys())])
        there = [clip for clip, place in places if (elsewhere if is_url(place) else _exists(place))]
        if there:
            found[int(str(number))] = there
    return found


def take_again(run: RunFolder, found: Mapping[int, list[str]]) -> None:
    """Let clips of `found_again` count as missing, so that they are extracted, and no longer as failed.

    A shard on which another process works is left as it is.
    """
    for number, clip_ids in found.items():
        with contextlib.suppress(BusyError), run.shard(number) as shard:
            shard.forget_failures(clip_ids)


def _exists(place: str) -> bool:
    # pathlib raises an error where the name is too long, or where the folder may not be read.
    return os.path.exists(place)  # noqa: PTH110


def _places(plan: RunPlan, clips: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield each clip with its file, or with its archive."""
    columns = (clips[name].tolist() for name in ("clip_id", "path", "archive"))
    for clip_id, path, archive in zip(*columns, strict=True):
        yield clip_id, join(plan.videos, archive or path)
