"""From the parts of all shards to the cache: who merges does not matter, and the same parts give the same bytes.

The worker that finds nothing missing any more merges, under one lock. What is planned and done is in `run_folder`.
"""

import contextlib
import glob
import json
from collections.abc import Container, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from common.errors import UserError
from common.files import remove_leftovers, sha256_of, write_text
from extract.cache import Row, write_cache
from extract.shards.reasons import why_failed
from extract.shards.run_folder import RunFolder
from extract.shards.shard_folder import LedgerRow, Where, held

MERGE_SECONDS = 600.0  # how long to wait for another worker's merge
OPEN_PARTS = 256  # files held open while merging: neighbours in the manifest are in different shards


def merge(run: RunFolder) -> dict[str, LedgerRow]:
    """Make the cache of a run's parts: all clips in the manifest's order, failed ones with valid = False.

    Nothing is done where the cache is there and whole.

    Returns:
        The failed clips.

    Raises:
        BusyError: another process is merging.
        UserError: nothing was begun, clips are missing, parts are damaged, or nothing succeeded.
    """
    _ = run.plan  # refuses where nothing was begun, before a folder is made
    with held(run.folder / "merge.lock", f"merging {run.cache}", MERGE_SECONDS, [_record(run).name]) as alone:
        run.forget()
        settings = {**run.settings(), "manifest_sha256": run.plan.fingerprint}
        if alone:  # else they may be another worker's, who merges too
            remove_leftovers(run.cache.parent, glob.escape(run.cache.name))
        done = run.done()
        failures = run.failures(done)
        if is_merged(run, done):
            return failures
        if damaged := run.damaged_parts():
            raise UserError(
                f"{len(damaged)} parts in {run.folder} are damaged; `python -m extract run --out {run.cache}` "
                "makes them again"
            )
        clip_ids = run.clips["clip_id"].tolist()
        if missing := [clip_id for clip_id in clip_ids if clip_id not in done and clip_id not in failures]:
            raise UserError(f"{len(missing)} clips are not extracted yet (first: {missing[0]}); run again to go on")
        if done.keys().isdisjoint(clip_ids):
            in_order = {clip_id: failures[clip_id] for clip_id in clip_ids}
            raise UserError(f"every one of the {len(clip_ids)} clips failed: {why_failed(in_order, run.folder)}")
        _write_cache(run.cache, clip_ids, done, settings)
        record = {
            "clips_done": _planned(run, done),
            "fingerprint": run.plan.fingerprint,
            "sha256": sha256_of(run.cache),
        }
        write_text(_record(run), json.dumps(record) + "\n")
    return failures


def is_merged(run: RunFolder, done: Container[str]) -> bool:
    """Tell whether a run's cache is there, whole, and holds everything that is planned and done."""
    try:
        record = json.loads(_record(run).read_bytes())
        promised = record["clips_done"], record["fingerprint"], record["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return run.cache.exists() and promised == (_planned(run, done), run.plan.fingerprint, sha256_of(run.cache))


def _record(run: RunFolder) -> Path:
    return run.folder / "merged.json"


def _planned(run: RunFolder, done: Container[str]) -> int:
    """Count the planned clips that are done: the folder also keeps those of clips that were removed."""
    return sum(clip_id in done for clip_id in run.clips["clip_id"])


def _write_cache(cache: Path, clip_ids: list[str], done: dict[str, Where], settings: dict[str, Any]) -> None:
    with contextlib.ExitStack() as files:

        @lru_cache(maxsize=OPEN_PARTS)
        def opened(part: Path) -> Any:
            # a row is read, not the part
            return safe_open(part, framework="numpy").get_slice("features")  # type: ignore[no-untyped-call]

        first = next(done[clip_id] for clip_id in clip_ids if clip_id in done)
        shape = opened(first.part)[first.row].shape
        files.callback(opened.cache_clear)

        def rows() -> Iterator[Row]:
            nothing: NDArray[np.float32] = np.zeros(shape, np.float32)
            for clip_id in clip_ids:
                if where := done.get(clip_id):
                    yield Row(clip_id, opened(where.part)[where.row], where.num_frames, True)
                else:
                    yield Row(clip_id, nothing, 0, False)

        write_cache(cache, rows(), clip_ids, shape, settings)
