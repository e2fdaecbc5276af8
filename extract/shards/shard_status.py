"""How one shard is: what of it is done, failed and missing, and whether somebody is at work.

Read from its folder alone. Nothing is locked and nothing changed, so that anybody may look while others write.
"""

import os
import tempfile
import time
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, FiniteFloat, NonNegativeInt, ValidationError

from extract.shards.shard_folder import LedgerRow, ShardFolder, read_record

ALIVE_SECONDS = 60.0  # a worker writes its heartbeat every 5; a busy file system may hold it up

Record = TypeVar("Record", bound=BaseModel)
State = Literal["complete", "running", "stopped", "waiting"]


@dataclass(frozen=True)
class ShardStatus:
    """One shard.

    Attributes:
        shard: its number.
        state: complete: nothing is missing; running: somebody is at work; stopped: begun, and nobody is; waiting.
        clips: of the shard.
        done: clips with features.
        failed: clips in the ledger, and not done since.
        missing: all others.
        host: where its worker runs, or ran.
        job: what the scheduler calls it.
        clips_per_second: since its worker began; 0 where none is at work.
        quiet_seconds: since its worker finished a clip; None where none is at work.
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
class Share:
    """The clips of one shard, and the fingerprint that its record of completion must have for them."""

    clip_ids: frozenset[str]
    sha256: str


NO_CLIPS = Share(frozenset(), "")


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


def look_at(number: int, folder: ShardFolder, share: Share, now: float) -> tuple[ShardStatus, list[LedgerRow]]:
    """Return how a shard is, and the last attempt of each clip that failed."""
    clips = len(share.clip_ids)
    completion = read_if_whole(_Completion, folder.folder / "complete.json")
    if not clips or (completion and completion.clips_sha256 == share.sha256):
        failed = min(completion.failed, clips) if completion else 0
        return ShardStatus(number, "complete", clips, clips - failed, failed, 0), _failures(folder, share, failed)
    age = _age(folder.heartbeat, now)
    beat = None if age is None else read_if_whole(_Heartbeat, folder.heartbeat)
    running = age is not None and abs(age) < ALIVE_SECONDS  # younger than now: made before a clock was put back
    if running and beat:
        done = min(beat.done, clips)
        failed = min(beat.failed, clips - done)
        failures = _failures(folder, share, failed)
    else:  # what a dead worker had not written down is lost, whatever its heartbeat says
        finished = _done(folder)
        failures = _ledger(folder, share, finished)
        done, failed = len(share.clip_ids & finished), len(failures)
    state: State = "running" if running else "waiting" if age is None and not done + failed else "stopped"
    shard = ShardStatus(number, state, clips, done, failed, clips - done - failed)
    if beat:
        shard = replace(shard, host=beat.host, job=beat.job)
    if beat and running and age is not None:
        pace = min(beat.session_clips, clips) / max(beat.session_seconds, 0.001)
        shard = replace(shard, clips_per_second=pace, quiet_seconds=max(beat.quiet_seconds + max(age, 0.0), 0.0))
    return shard, failures


def clock_of(folder: Path) -> float:
    """Return the time by the clock that stamps the folder's files: another machine's, or this one's, may differ."""
    try:
        with tempfile.TemporaryFile(dir=folder) as touched:
            touched.write(b"\n")
            touched.flush()
            os.fsync(touched.fileno())
            return os.fstat(touched.fileno()).st_mtime
    except OSError:  # read-only, full
        return time.time()


def read_if_whole(kind: type[Record], path: Path) -> Record | None:
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
    return {clip_id for record in folder.records() for clip_id in read_record(record)["clip_id"]}


def _failures(folder: ShardFolder, share: Share, failed: int) -> list[LedgerRow]:
    """Return the failures where their number is known; only where the ledger has more are the parts' records read."""
    rows = _ledger(folder, share, ()) if failed else []
    return _ledger(folder, share, _done(folder)) if len(rows) > failed else rows


def _ledger(folder: ShardFolder, share: Share, done: Container[str]) -> list[LedgerRow]:
    return [row for clip_id, row in folder.failures(done).items() if clip_id in share.clip_ids]
