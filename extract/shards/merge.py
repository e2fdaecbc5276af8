"""Make the cache from the parts of all shards. The same parts give the same bytes, whichever process merges.

The worker that finds no clip missing merges, under one lock. What is planned and done is in `run_folder`.
"""

import contextlib
import glob
import json
import shlex
import time
from collections.abc import Container, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from common.callbacks import ProgressCallback, no_progress
from common.errors import UserError
from common.files import remove_leftovers, sha256_of, write_text
from common.log import LOGGER
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from extract.shards.cleaned_parts import restore_parts
from extract.shards.failure_reasons import describe_failures
from extract.shards.folder_lock import hold_lock
from extract.shards.ledger import LedgerRow
from extract.shards.run_folder import RunFolder
from extract.shards.shard_folder import RowPlace

MERGE_SECONDS = 600.0  # to wait for another worker's merge
OPEN_PARTS = 256  # files held open while merging: clips that follow each other in the manifest are in different shards


def merge(run: RunFolder, progress: ProgressCallback = no_progress) -> dict[str, LedgerRow]:
    """Make the cache of a run's parts: all clips in the manifest's order, failed ones with valid = False.

    A cache that is complete already is left as it is.

    Args:
        run: its folder.
        progress: called with the number of clips that are written and of all clips.

    Returns:
        The failed clips, by their ids.

    Raises:
        BusyError: another process is merging.
        UserError: nothing was begun, clips are missing, parts are damaged, or every clip failed.
    """
    _ = run.plan  # fails where nothing was begun, before a folder is made
    with hold_merge_lock(run, MERGE_SECONDS) as held:
        run.reread()
        settings = {**run.settings(), "manifest_sha256": run.plan.fingerprint}
        if held:  # otherwise they may be those of another worker that merges too
            remove_leftovers(run.cache.parent, glob.escape(run.cache.name))
        done = run.done()
        failures = run.failures(done)
        if is_merged(run, done):
            return failures
        clip_ids = run.clips["clip_id"].tolist()
        restore_parts(run)
        _refuse_incomplete(run, clip_ids, done, failures)
        began = time.monotonic()
        _write_cache(run.cache, clip_ids, done, settings, progress)
        record = {
            "clips_done": _count_planned(run, done),
            "fingerprint": run.plan.fingerprint,
            "sha256": sha256_of(run.cache),
        }
        write_text(_record(run), json.dumps(record) + "\n")
        LOGGER.debug(f"{run.cache} merged of {len(clip_ids)} clips in {time.monotonic() - began:.1f} s")
    return failures


def hold_merge_lock(run: RunFolder, patience: float) -> contextlib.AbstractContextManager[bool]:
    """Return a context that holds the lock of a run's merge; `patience` is the number of seconds to wait for it."""
    return hold_lock(run.folder / "merge.lock", f"merging {run.cache}", patience, [_record(run).name])


def is_merged(run: RunFolder, done: Container[str]) -> bool:
    """Tell whether a run's cache exists, is not damaged, and holds everything that is planned and done."""
    try:
        record = json.loads(_record(run).read_bytes())
        promised = record["clips_done"], record["fingerprint"], record["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return run.cache.exists() and promised == (_count_planned(run, done), run.plan.fingerprint, sha256_of(run.cache))


def _refuse_incomplete(
    run: RunFolder, clip_ids: list[str], done: dict[str, RowPlace], failures: dict[str, LedgerRow]
) -> None:
    """Raise a UserError where parts are damaged, clips are missing, or every clip failed."""
    if damaged := run.damaged_parts():
        raise UserError(
            f"{len(damaged)} parts in {run.folder} are damaged; "
            f"`python -m extract run --out {shlex.quote(str(run.cache))}` makes them again"
        )
    if missing := [clip_id for clip_id in clip_ids if clip_id not in done and clip_id not in failures]:
        raise UserError(f"{len(missing)} clips are not extracted yet (first: {missing[0]}); run again to resume")
    if done.keys().isdisjoint(clip_ids):
        in_order = {clip_id: failures[clip_id] for clip_id in clip_ids}
        raise UserError(
            f"every one of the {len(clip_ids)} clips failed: {describe_failures(in_order, run.folder)}. "
            f"`python -m extract retry {shlex.quote(str(run.cache))}` takes them again"
        )


def _record(run: RunFolder) -> Path:
    return run.folder / "merged.json"


def _count_planned(run: RunFolder, done: Container[str]) -> int:
    """Count the planned clips that are done: the folder also keeps those of clips that were removed."""
    return sum(clip_id in done for clip_id in run.clips["clip_id"])


def _write_cache(
    cache: Path, clip_ids: list[str], done: dict[str, RowPlace], settings: dict[str, Any], progress: ProgressCallback
) -> None:
    with contextlib.ExitStack() as files:

        @lru_cache(maxsize=OPEN_PARTS)
        def opened(part: Path) -> Any:
            # a row is read from the file, not the whole part
            return safe_open(part, framework="numpy").get_slice("features")  # type: ignore[no-untyped-call]

        first = next(done[clip_id] for clip_id in clip_ids if clip_id in done)
        shape = opened(first.part)[first.row].shape
        files.callback(opened.cache_clear)

        def rows() -> Iterator[Row]:
            zeros: NDArray[np.float32] = np.zeros(shape, np.float32)
            for number, clip_id in enumerate(clip_ids, 1):
                progress(number, len(clip_ids))
                if place := done.get(clip_id):
                    features = opened(place.part)[place.row]
                    if features.shape != shape:
                        raise UserError(
                            f"the features of {clip_id} have the shape {features.shape}, and those before it {shape}: "
                            "its file is of another kind, as a skeleton with other joints; leave it out and run again"
                        )
                    yield Row(clip_id, features, place.num_frames, True)
                else:
                    yield Row(clip_id, zeros, 0, False)

        write_cache(cache, rows(), clip_ids, shape, settings)
