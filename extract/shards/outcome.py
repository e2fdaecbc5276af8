"""What became of a run or of one shard of it: `RunOutcome`, for the end of the commands that work on a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from extract.cache import check_cache
from extract.shards.ledger import LedgerRow
from extract.shards.run_folder import RunFolder


@dataclass(frozen=True)
class RunOutcome:
    """The state of a run after a process worked on it.

    Attributes:
        cache: the feature cache.
        num_shards: number of shards of the run.
        unfinished_shards: those with missing clips.
        clips: number of clips in the cache; None: it is not made yet, or one shard was asked for.
        valid: how many of them have features; None: likewise.
        content_sha256: checksum of the cache; None: likewise.
        failures: the clips that failed, of the shard where one was asked for.
        shard: the shard that was asked for; None: all.
    """

    cache: str
    num_shards: int
    unfinished_shards: list[int]
    clips: int | None
    valid: int | None
    content_sha256: str | None
    failures: list[LedgerRow]
    shard: int | None = None


def read_outcome(cache: Path, failures: Mapping[str, LedgerRow], shard: int | None = None) -> RunOutcome:
    """Return what became of a run, with its cache verified if it is made and no single shard was asked for.

    Args:
        cache: the feature cache.
        failures: the clips that failed, by their ids.
        shard: the shard that was asked for; None: all.
    """
    run = RunFolder(cache)
    unfinished = run.unfinished()
    facts = None if unfinished or shard is not None else check_cache(cache)
    return RunOutcome(
        cache=str(cache),
        num_shards=run.plan.shards,
        unfinished_shards=unfinished,
        clips=facts.clips if facts else None,
        valid=facts.valid if facts else None,
        content_sha256=facts.content_sha256 if facts else None,
        failures=list(failures.values()),
        shard=shard,
    )
