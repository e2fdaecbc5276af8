"""The state of one shard: what of it is done, failed and missing, and whether a worker runs.

It is read from the shard's folder alone, without a lock and without a change, so that it can be read while workers
write.
"""

import os
import tempfile
import time
from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, FiniteFloat, NonNegativeInt, ValidationError

from extract.shards.ledger import LedgerRow
from extract.shards.shard_folder import ShardFolder, read_part_record

ALIVE_SECONDS = 60.0  # a worker writes its heartbeat every 5; a busy file system may delay it

Record = TypeVar("Record", bound=BaseModel)
State = Literal["complete", "running", "stopped", "waiting"]


@dataclass(frozen=True)
class ShardStatus:
    """The state of one shard.

    Attributes:
        shard: its number.
        state: complete: no clip is missing; running: a worker runs; stopped: begun, and no worker runs; waiting: not
            begun.
        clips: number of clips of the shard.
        done: clips with features.
        failed: clips in the ledger, and not done since.
        missing: all others.
        host: the machine of its worker, or of its last worker.
        job: what the scheduler calls it.
        clips_per_second: since its worker began; 0 where no worker runs.
        quiet_seconds: since its worker finished a clip; None where no worker runs.
    """

    shard: int
    state: State
    clips: int
    done: int
    failed: int
    missing: int
    host: str = ""
    job: str = ""
    clips_per_second: float = 0.0
    quiet_seconds: float | None = None


@dataclass(frozen=True)
class ShardClips:
    """The clips of one shard.

    Attributes:
        clips: their number.
        sha256: the fingerprint that the shard's completion record must have for them.
        ids: returns their ids. It is called only where they are needed, as not for a complete shard.
    """

    clips: int
    sha256: str
    ids: Callable[[], frozenset[str]]


class _Heartbeat(BaseModel):
    host: str
    job: str
    done: NonNegativeInt
    failed: NonNegativeInt
    session_clips: NonNegativeInt
    session_seconds: FiniteFloat
    quiet_seconds: FiniteFloat


class _Completion(BaseModel):
    clips_sha256: str
    failed: NonNegativeInt


def read_shard_status(
    number: int, folder: ShardFolder, own: ShardClips, now: float
) -> tuple[ShardStatus, list[LedgerRow]]:
    """Return the state of a shard, and the last attempt of each clip that failed.

    Args:
        number: of the shard.
        folder: its folder.
        own: its clips.
        now: the time by the clock of the folder, see `clock_of`.
    """
    clips = own.clips
    completion = read_record(_Completion, folder.folder / "complete.json")
    if not clips or (completion and completion.clips_sha256 == own.sha256):
        failed = min(completion.failed, clips) if completion else 0
        return ShardStatus(number, "complete", clips, clips - failed, failed, 0), _failures(folder, own, failed)
    age = _age(folder.heartbeat, now)
    beat = None if age is None else read_record(_Heartbeat, folder.heartbeat)
    running = age is not None and abs(age) < ALIVE_SECONDS  # a negative age: written before a clock was put back
    if running and beat:
        done = min(beat.done, clips)
        failed = min(beat.failed, clips - done)
        failures = _failures(folder, own, failed)
    else:  # what a dead worker had not written to disk is lost, whatever its heartbeat says
        finished = _done(folder)
        failures = _ledger(folder, own, finished)
        done, failed = len(own.ids() & finished) if finished else 0, len(failures)
    state: State = "running" if running else "waiting" if age is None and not done + failed else "stopped"
    shard = ShardStatus(number, state, clips, done, failed, clips - done - failed)
    if beat:
        shard = replace(shard, host=beat.host, job=beat.job)
    if beat and running and age is not None:
        speed = min(beat.session_clips, clips) / max(beat.session_seconds, 0.001)
        shard = replace(shard, clips_per_second=speed, quiet_seconds=max(beat.quiet_seconds + max(age, 0.0), 0.0))
    return shard, failures


def clock_of(folder: Path) -> float:
    """Return the time of the clock that stamps the folder's files. It may be the clock of a file server."""
    try:
        with tempfile.TemporaryFile(dir=folder) as touched:
            touched.write(b"\n")
            touched.flush()
            os.fsync(touched.fileno())
            return os.fstat(touched.fileno()).st_mtime
    except OSError:  # read-only, full
        return time.time()


def read_record(kind: type[Record], path: Path) -> Record | None:
    """Read a small JSON file; None where it is missing, torn or damaged."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _age(path: Path, now: float) -> float | None:
    try:
        return now - path.stat().st_mtime
    except OSError:
        return None


def _done(folder: ShardFolder) -> set[str]:
    return {clip_id for record in folder.records() for clip_id in read_part_record(record)["clip_id"]}


def _failures(folder: ShardFolder, own: ShardClips, failed: int) -> list[LedgerRow]:
    """Return the failures where their number is known. The parts' records are read only if the ledger has more rows."""
    rows = _ledger(folder, own, ()) if failed else []
    return _ledger(folder, own, _done(folder)) if len(rows) > failed else rows


def _ledger(folder: ShardFolder, own: ShardClips, done: Container[str]) -> list[LedgerRow]:
    rows = folder.failures(done)
    planned = own.ids() if rows else frozenset()
    return [row for clip_id, row in rows.items() if clip_id in planned]
