"""Remove the parts of a finished run: the cache has their features too.

What is small stays: plan, clips, settings, the completion records of the parts, the ledgers. So the run still counts
as finished, and `extract.shards.cleaned_parts` makes the parts again if clips are added or tried again.
"""

import contextlib
import os
import shlex
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from common.callbacks import ProgressCallback, no_progress
from common.errors import UserError
from common.files import sha256_of
from extract.cache import CacheFacts, CacheFile, check_cache, open_cache
from extract.shards.cleaned_parts import features_of, rows_of_clips
from extract.shards.cleaned_record import part_name, write_cleaned
from extract.shards.merge import hold_merge_lock, is_merged
from extract.shards.run_folder import RunFolder
from extract.shards.run_rows import read_run_rows
from extract.shards.shard_folder import read_part_record


@dataclass(frozen=True)
class Cleaned:
    """What was removed, or would be.

    Attributes:
        parts: number of parts.
        bytes: their size.
        kept: parts that stay, because they hold clips that are not in the cache.
    """

    parts: int
    bytes: int
    kept: int


def clean_run(cache: Path, *, dry_run: bool = False, progress: ProgressCallback = no_progress) -> Cleaned:
    """Remove the parts of a finished run, after the cache was verified against its checksum and against each part.

    If the process is killed, the same call removes the rest. A run that is cleaned already stays as it is.

    Args:
        cache: the feature cache.
        dry_run: change nothing.
        progress: called with the number of parts that were compared and of all parts.

    Raises:
        UserError: the cache is missing or damaged, or is not the one of this run; the run is not finished; a worker
            runs; a folder is a link or cannot be written.
    """
    facts, run = check_cache(cache), RunFolder(cache)
    if not run.folder.exists() and not run.folder.is_symlink():  # the user removed it
        return Cleaned(0, 0, 0)
    _refuse_links(run)
    with contextlib.ExitStack() as locks:
        if not dry_run:
            locks.enter_context(hold_merge_lock(run, patience=0.0))
        _refuse_unfinished(run, facts)
        parts = (record.with_suffix(".safetensors") for shard in run.shards() for record in shard.records())
        present, chosen = [part for part in parts if _is_file(part)], []
        with open_cache(cache) as file:
            rows = rows_of_clips(file)
            for number, part in enumerate(present, 1):
                if _in_cache(file, part, rows):
                    chosen.append(part)
                progress(number, len(present))
        size = sum(part.stat().st_size for part in chosen)
        if chosen and not dry_run:
            _remove_parts(run, chosen)
        return Cleaned(len(chosen), size, len(present) - len(chosen))


def _refuse_links(run: RunFolder) -> None:
    """Refuse a run folder that is a link or has links in it: what they lead to may be another's."""
    shards = run.folder / "shards"
    for folder in (run.folder, shards, *sorted(shards.glob("[0-9]*"))):
        if folder.is_symlink():
            raise UserError(f"{folder} is a link, and clean follows no links; remove what it leads to yourself")


def _refuse_unfinished(run: RunFolder, facts: CacheFacts) -> None:
    """Refuse a run with missing clips, and a cache that is not the run's."""
    if unfinished := run.unfinished():
        raise UserError(
            f"{run.cache} is not finished: clips are missing in {len(unfinished)} shards; "
            f"`python -m extract run --out {shlex.quote(str(run.cache))}` finishes it, then clean it"
        )
    done = read_run_rows(run).done
    wanted = {**run.settings(), "manifest_sha256": run.plan.fingerprint}
    same = facts.settings == wanted and (facts.clips, facts.valid) == (len(run.clip_ids()), done)
    if not same or not is_merged(run, done):
        raise UserError(
            f"{run.cache} is not the cache that was merged of the parts in {run.folder}, so they stay; "
            f"`python -m extract run --out {shlex.quote(str(run.cache))}` makes it again, then clean it"
        )


def _is_file(path: Path) -> bool:
    """Tell whether a path is a regular file itself, and no link."""
    return path.exists() and stat.S_ISREG(path.lstat().st_mode)


def _in_cache(cache: CacheFile, part: Path, rows: dict[str, int]) -> bool:
    """Tell whether the cache has every bit of a part, and the part is not damaged."""
    record = read_part_record(part.with_suffix(".json"))
    features = features_of(cache, record["clip_id"], rows)
    if features is None or sha256_of(part) != record["part_sha256"]:
        return False
    try:
        with safe_open(part, framework="numpy") as file:
            own = file.get_tensor("features")  # (k, N, D)
    except SafetensorError:
        return False
    return own.shape == features.shape and np.array_equal(own.view(np.uint32), features.view(np.uint32))


def _remove_parts(run: RunFolder, parts: Sequence[Path]) -> None:
    """Write down which parts are removed, then remove them. The lock of a shard is held while its parts are removed."""
    removed = {part.with_suffix(".json") for part in parts}
    for shard in run.shards():
        removed |= {record for record in shard.records() if run.is_cleaned(record)}  # by an earlier call
    checksums = {part_name(record): read_part_record(record)["part_sha256"] for record in sorted(removed)}
    write_cleaned(run.folder, sha256_of(run.cache), checksums)
    for folder, own in groupby(parts, key=lambda part: part.parent):
        with run.shard(int(folder.name)):
            for part in own:
                _remove(part)


def _remove(part: Path) -> None:
    """Remove a file from a folder, which must be no link at this moment."""
    try:
        folder = os.open(part.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.unlink(part.name, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UserError(
            f"cannot remove {part}: {error.strerror or error}; the same command removes the rest"
        ) from error
