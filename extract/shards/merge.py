"""Make the cache from the parts of all shards. The same parts give the same bytes, whichever process merges.

The worker that finds no clip missing merges, under one lock. What is planned and done is in `run_folder`.
"""

import contextlib
import glob
import itertools
import json
import shlex
import time
from collections.abc import Iterator
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
from extract.shards.run_rows import NOT_DONE, RunRows, read_run_rows

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
        found = read_run_rows(run)
        if is_merged(run, found.done):
            return found.failures
        restore_parts(run)
        _refuse_incomplete(run, found)
        began = time.monotonic()
        _write_cache(run, found, settings, progress)
        record = {"clips_done": found.done, "fingerprint": run.plan.fingerprint, "sha256": sha256_of(run.cache)}
        write_text(_record(run), json.dumps(record) + "\n")
        LOGGER.debug(f"{run.cache} merged of {len(found.part)} clips in {time.monotonic() - began:.1f} s")
    return found.failures


def hold_merge_lock(run: RunFolder, patience: float) -> contextlib.AbstractContextManager[bool]:
    """Return a context that holds the lock of a run's merge; `patience` is the number of seconds to wait for it."""
    return hold_lock(run.folder / "merge.lock", f"merging {run.cache}", patience, [_record(run).name])


def is_merged(run: RunFolder, clips_done: int) -> bool:
    """Tell whether a run's cache exists, is not damaged, and holds the planned clips that are done, `clips_done`."""
    try:
        record = json.loads(_record(run).read_bytes())
        promised = record["clips_done"], record["fingerprint"], record["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return run.cache.exists() and promised == (clips_done, run.plan.fingerprint, sha256_of(run.cache))


def _refuse_incomplete(run: RunFolder, found: RunRows) -> None:
    """Raise a UserError where parts are damaged, clips are missing, or every clip failed."""
    if damaged := run.damaged_parts():
        raise UserError(
            f"{len(damaged)} parts in {run.folder} are damaged; "
            f"`python -m extract run --out {shlex.quote(str(run.cache))}` makes them again"
        )
    if missing := set(found.missing):
        first = next(clip_id for clip_id in run.clip_ids() if clip_id in missing)
        raise UserError(f"{len(missing)} clips are not extracted yet (first: {first}); run again to resume")
    if not found.done:
        in_order = {clip_id: found.failures[clip_id] for clip_id in run.clip_ids()}
        raise UserError(
            f"every one of the {len(in_order)} clips failed: {describe_failures(in_order, run.folder)}. "
            f"`python -m extract retry {shlex.quote(str(run.cache))}` takes them again"
        )


def _record(run: RunFolder) -> Path:
    return run.folder / "merged.json"


def _in_order(run: RunFolder) -> Iterator[tuple[str, int]]:
    """Yield every clip in the manifest's order, with its place in `RunRows`."""
    places = list(itertools.accumulate((own.clips for own in run.shard_lists), initial=0))  # the next of each shard
    for clip_id, shard in run.clip_ids().with_shards():
        yield clip_id, places[shard]
        places[shard] += 1


def _write_cache(run: RunFolder, found: RunRows, settings: dict[str, Any], progress: ProgressCallback) -> None:
    parts, timed = list(found.parts), "segment_seconds" in settings
    with contextlib.ExitStack() as files:

        @lru_cache(maxsize=OPEN_PARTS)
        def opened(part: int) -> Any:
            # a row is read from the file, not the whole part
            return safe_open(parts[part], framework="numpy").get_slice("features")  # type: ignore[no-untyped-call]

        files.callback(opened.cache_clear)
        first = next(place for _, place in _in_order(run) if found.part[place] != NOT_DONE)
        shape = opened(int(found.part[first]))[int(found.row[first])].shape

        def rows() -> Iterator[Row]:
            zeros: NDArray[np.float32] = np.zeros(shape, np.float32)
            for number, (clip_id, place) in enumerate(_in_order(run), 1):
                progress(number, len(found.part))
                if (part := int(found.part[place])) == NOT_DONE:
                    yield Row(clip_id, zeros, 0, False, 0 if timed else None)
                    continue
                features = opened(part)[int(found.row[place])]
                if features.shape != shape:
                    raise UserError(
                        f"the features of {clip_id} have the shape {features.shape}, and those before it {shape}: "
                        "its file is of another kind, as a skeleton with other joints; leave it out and run again"
                    )
                own = int(found.num_segments[place]) if timed else None
                yield Row(clip_id, features, int(found.num_frames[place]), True, own)

        write_cache(run.cache, rows(), run.clip_ids(), shape, settings)
