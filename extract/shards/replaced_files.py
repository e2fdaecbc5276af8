"""Refuse to continue a run when files of its clips were replaced since their features were made."""

import pandas as pd

from common.errors import UserError, first_few
from extract.shards.clip_file import ClipFile, look_up_clip_file
from extract.shards.run_folder import RunFolder
from extract.shards.run_plan import RunPlan
from extract.sources.location import join


def refuse_replaced_files(run: RunFolder, clips: pd.DataFrame, plan: RunPlan) -> None:
    """Refuse to continue when clips' files differ from those that the features were made of.

    Args:
        run: says what is done.
        clips: some clips of the plan.
        plan: says where their files are.

    Raises:
        UserError: naming the first of them.
    """
    if not run.is_planned or run.plan.shards != plan.shards:
        return  # nothing is done, or `begin_run` refuses the plan
    columns = (clips[name].tolist() for name in ("clip_id", "path", "archive", "bytes"))
    places = {clip_id: (path, archive, size) for clip_id, path, archive, size in zip(*columns, strict=True)}

    def current_file(clip_id: str) -> ClipFile | None:
        if clip_id not in places:
            return None
        path, archive, size = places[clip_id]
        return look_up_clip_file(path, join(plan.videos, archive or path), size if archive else 0)

    if replaced := [what for number in set(clips["shard"]) for what in run.shard(number).replaced(current_file)]:
        raise UserError(
            f"{len(replaced)} videos were replaced, or their folder (--videos) is another one: {first_few(replaced)}. "
            f"Put the old ones back, or choose another output; what is done in {run.folder} stays as it is"
        )
