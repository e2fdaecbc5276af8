"""Begin a run: write its plan, its clips and its settings into the run folder, or refuse what does not fit to them."""

import shlex
from collections.abc import Mapping
from typing import Any

import pandas as pd

from common.errors import UserError, first_few
from common.files import sha256_of, write_text
from extract.shards.checked_json import dump_checked
from extract.shards.clip_changes import ClipChanges, compare_clips
from extract.shards.clip_lists import (
    clip_lines,
    clips_text,
    read_planned_clips,
    read_shard_lists,
    text_sha256,
    write_shard_lists,
)
from extract.shards.run_folder import RunFolder
from extract.shards.run_plan import RunPlan, read_run_plan, refuse_other_config
from extract.shards.settings import refuse_other_settings


def begin_run(
    run: RunFolder, plan: RunPlan, clips: pd.DataFrame, settings: Mapping[str, Any] | None = None
) -> ClipChanges:
    """Begin the run that is planned, or find that it is begun already.

    Clips may be added and removed. What is done of a removed clip stays in the folder.

    Args:
        run: its folder.
        plan: the run.
        clips: its clips with their shards.
        settings: what would decide a value here, as for `write_settings`; None: unknown, because no network is loaded.

    Returns:
        Which clips were added or removed since the run was begun.

    Raises:
        UserError: the folder belongs to other settings, a clip has another path, or the folder cannot be written.
    """
    changes = ClipChanges()
    _refuse_foreign_file(run)
    with run.lock():
        existing = read_run_plan(run.plan_file) if run.is_planned else None
        if settings is not None and run.has_settings:
            refuse_other_settings(run.settings(), settings, run.cache)
        if existing is not None:
            if existing.shards != plan.shards:
                raise UserError(
                    f"{run.cache} was planned with {existing.shards} shards, not {plan.shards}; "
                    f"`python -m extract run --out {shlex.quote(str(run.cache))}` continues as planned; "
                    "else choose another output"
                )
            if settings is None or not run.has_settings:
                refuse_other_config(existing, plan, run.cache)
            plan, clips = keep_shards(run, plan, clips)
        text = clips_text(clips, lines := clip_lines(clips))
        plan = plan.model_copy(update={"clips_sha256": text_sha256(text)})
        if existing is not None:
            changes = clip_changes(run, plan, clips)
        if not run.clips_file.exists() or sha256_of(run.clips_file) != plan.clips_sha256:
            write_text(run.clips_file, text)
        if read_shard_lists(run.folder, plan.clips_sha256) is None:
            write_shard_lists(run.folder, clips, lines, plan.clips_sha256, plan.shards)
        if existing != plan:
            write_text(run.plan_file, dump_checked(plan.model_dump(mode="json"), indent=1))
    run.reread()
    return changes


def write_settings(run: RunFolder, settings: Mapping[str, Any]) -> None:
    """Write down what decides a value, or refuse to mix other values into the run.

    Args:
        run: its folder.
        settings: all settings but the fingerprint of the clips, which may be added and removed.

    Raises:
        UserError: the run was begun with other settings; the message names them.
    """
    if not run.has_settings:
        with run.lock():
            if not run.has_settings:  # another process may have written them meanwhile
                write_text(run.settings_file, dump_checked(settings, indent=1))
    refuse_other_settings(run.settings(), settings, run.cache)


def remove_unfinished_files(run: RunFolder) -> None:
    """Remove the unfinished files that killed processes left beside the plan.

    Raises:
        BusyError: another process is planning.
    """
    with run.lock():
        pass


def keep_shards(run: RunFolder, plan: RunPlan, clips: pd.DataFrame) -> tuple[RunPlan, pd.DataFrame]:
    """Return a plan and its clips, each clip in the shard where it is planned or done already."""
    if not run.is_planned:
        return plan, clips
    try:
        old = pd.read_csv(run.clips_file, dtype={"clip_id": "str", "shard": "int64"}, keep_default_na=False)
        old = old[old["shard"].isin(range(plan.shards))]
        before = dict(zip(old["clip_id"].tolist(), old["shard"].tolist(), strict=True))
    except (OSError, ValueError, KeyError):  # damaged: `begin_run` writes it again
        return plan, clips
    if not before.keys() >= set(clips["clip_id"]):  # a clip may have been removed and added again
        done = {clip: int(place.part.parent.name) for clip, place in run.done().items()}
        before = {clip: shard for clip, shard in done.items() if shard < plan.shards} | before
    rows = zip(clips["clip_id"].tolist(), clips["shard"].tolist(), strict=True)
    kept = clips.assign(shard=[before.get(clip, shard) for clip, shard in rows])
    return plan.model_copy(update={"clips_sha256": text_sha256(clips_text(kept, clip_lines(kept)))}), kept


def clip_changes(run: RunFolder, plan: RunPlan, clips: pd.DataFrame) -> ClipChanges:
    """Return which clips were added or removed since the run was begun.

    Raises:
        UserError: clips have another path, so their features are those of other files.
    """
    if not run.is_planned or (existing := read_run_plan(run.plan_file)).clips_sha256 == plan.clips_sha256:
        return ClipChanges()
    if not run.has_planned_clips:  # damaged, or killed between the two files: `begin_run` writes it again
        return ClipChanges()
    changes = compare_clips(read_planned_clips(run.clips_file, existing.clips_sha256), clips)
    if changes.changed:
        places = [f"{clip}: {before} there, {now} now" for clip, before, now in changes.changed]
        raise UserError(
            f"{run.cache} was begun with other files of {len(places)} clips ({first_few(places)}); give them as "
            "they were, or choose another output, and what is there stays as it is"
        )
    return changes


def _refuse_foreign_file(run: RunFolder) -> None:
    """Refuse an output that is a folder, or a file whose run folder is missing."""
    if run.cache.is_dir():
        raise UserError(f"{run.cache} is a folder; give the file to write, as in {run.cache / 'features.h5'}")
    if run.cache.exists() and not run.is_planned and not run.has_settings:
        raise UserError(
            f"{run.cache} exists, and {run.folder}, which says how it was made, does not; "
            "choose another output, or remove the file"
        )
