"""How far a run is: its totals, its shards, the speed of all workers, the time left, and why clips failed.

All of it is read from the run folder; no scheduler is asked. The state of one shard is found in `shard_status`, and
`status_table` shows a run on a terminal.
"""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from extract.shards.run_folder import RunFolder
from extract.shards.shard_status import (
    ShardClips,
    ShardStatus,
    State,
    clock_of,
    read_record,
    read_shard_status,
)

REASONS = 5  # how many reasons of failure are named


@dataclass(frozen=True)
class Reason:
    """A reason of failures: number of clips, stage, reason, and one of the clips."""

    clips: int
    stage: str
    reason: str
    example: str


@dataclass(frozen=True)
class Status:
    """A whole run.

    Attributes:
        clips: of the run.
        done: clips with features.
        failed: clips in the ledgers, and not done since.
        missing: all others.
        clips_per_second: of all workers together.
        seconds_left: at that speed; None where no worker runs or no clip is missing.
        merged: the cache exists and holds everything that is done.
        reasons: the most frequent reasons of failure.
        shards: the status of each shard.
        other_reasons: how many reasons are not among `reasons`.
    """

    clips: int
    done: int
    failed: int
    missing: int
    clips_per_second: float
    seconds_left: float | None
    merged: bool
    reasons: list[Reason]
    shards: list[ShardStatus]
    other_reasons: int = 0

    def count(self, state: State) -> int:
        """Return how many shards are in a state."""
        return sum(shard.state == state for shard in self.shards)

    @property
    def complete(self) -> bool:
        """Tell whether every shard is complete."""
        return self.count("complete") == len(self.shards)


def read_status(out: Path) -> Status:
    """Read how far a run is. Torn or damaged records count as absent.

    Args:
        out: the cache that is being made.

    Raises:
        UserError: nothing was begun, or its plan is damaged.
    """
    run = RunFolder(out)
    now = clock_of(run.folder)
    shards, failures = [], Counter[tuple[str, str]]()
    examples: dict[tuple[str, str], str] = {}
    for number, own in enumerate(run.shard_lists):
        clips = ShardClips(own.clips, own.fingerprint, partial(_clip_ids, run, number))
        shard, failed = read_shard_status(number, run.shard(number), clips, now)
        shards.append(shard)
        for row in failed:
            failures[row.stage, row.reason] += 1
            examples.setdefault((row.stage, row.reason), row.clip_id)
    done, missing = sum(shard.done for shard in shards), sum(shard.missing for shard in shards)
    speed = sum(shard.clips_per_second for shard in shards)
    merged = read_record(_Merged, run.folder / "merged.json")
    return Status(
        clips=sum(shard.clips for shard in shards),
        done=done,
        failed=sum(shard.failed for shard in shards),
        missing=missing,
        clips_per_second=speed,
        seconds_left=missing / speed if missing and speed else None,
        merged=merged == _Merged(clips_done=done, fingerprint=run.plan.fingerprint) and out.is_file(),
        reasons=[Reason(clips, *why, examples[why]) for why, clips in failures.most_common(REASONS)],
        other_reasons=max(len(failures) - REASONS, 0),
        shards=shards,
    )


class _Merged(BaseModel):
    clips_done: int
    fingerprint: str


def _clip_ids(run: RunFolder, shard: int) -> frozenset[str]:
    return frozenset(run.clips_of(shard)["clip_id"].tolist())
