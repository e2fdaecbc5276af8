"""How far a run is: its totals, its shards, the pace of all workers, the time left, and why clips failed.

All of it is read from the run folder; no scheduler is asked. How one shard is stands in `shard_status`, how it looks
on a terminal in `status_table`.
"""

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.live import Live

from common.errors import UserError
from common.exits import INTERRUPTED, QuietExit
from common.options import Json
from extract.commands.options import CacheFile
from extract.shards.plan import read_clips, shard_sha256
from extract.shards.run_folder import RunFolder
from extract.shards.shard_status import NO_CLIPS, ShardStatus, Share, State, clock_of, look_at, read_if_whole

WATCH_SECONDS = 2.0
REASONS = 5  # the most frequent reasons of failure that are named


@dataclass(frozen=True)
class Reason:
    """Why some clips failed, how many they are, and one of them."""

    clips: int
    stage: str
    reason: str
    example: str


@dataclass(frozen=True)
class Status:
    """A whole run.

    Attributes:
        clips: of the run; done, failed and missing as for a shard.
        clips_per_second: of all workers together.
        seconds_left: at that pace; None where nobody is at work or nothing is missing.
        merged: the cache is there and holds everything that is done.
        reasons: the most frequent reasons of failure.
        shards: each of them.
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
        """Tell whether every shard is."""
        return self.count("complete") == len(self.shards)


def read_status(out: Path) -> Status:
    """Look at a run. Torn or damaged records count as absent.

    Args:
        out: the cache that is being made.

    Raises:
        UserError: nothing was begun, or its plan is damaged.
    """
    run = RunFolder(out)
    shares = _shares(run.folder / "clips.csv", run.plan.clips_sha256)
    now = clock_of(run.folder)
    shards, failures = [], Counter[tuple[str, str]]()
    examples: dict[tuple[str, str], str] = {}
    for number in range(run.plan.shards):
        shard, failed = look_at(number, run.shard(number), shares.get(number, NO_CLIPS), now)
        shards.append(shard)
        for row in failed:
            failures[row.stage, row.reason] += 1
            examples.setdefault((row.stage, row.reason), row.clip_id)
    done, missing = sum(shard.done for shard in shards), sum(shard.missing for shard in shards)
    pace = sum(shard.clips_per_second for shard in shards)
    merged = read_if_whole(_Merged, run.folder / "merged.json")
    return Status(
        clips=sum(shard.clips for shard in shards),
        done=done,
        failed=sum(shard.failed for shard in shards),
        missing=missing,
        clips_per_second=pace,
        seconds_left=missing / pace if missing and pace else None,
        merged=merged == _Merged(clips_done=done, fingerprint=run.plan.fingerprint) and out.is_file(),
        reasons=[Reason(clips, *why, examples[why]) for why, clips in failures.most_common(REASONS)],
        other_reasons=max(len(failures) - REASONS, 0),
        shards=shards,
    )


def status(
    out: CacheFile,
    watch: Annotated[bool, typer.Option("--watch", help="Draw it again every 2 s until every shard is done.")] = False,
    as_json: Json = False,
) -> None:
    """Say how far a run is: done, running, failed and missing clips, clips/s, time left, and what to type next.

    Example: `python -m extract status tsm.h5 --watch`
    """
    from extract.shards.status_table import drawn, next_step

    if watch and as_json:
        raise UserError("--watch draws for people and --json prints once for programs; give one of them")
    found = read_status(out)
    if as_json:
        print(json.dumps(asdict(found)))
        return
    console = Console(markup=False)  # [lite0] is no colour
    if watch:
        try:
            with Live(drawn(found, out), console=console, auto_refresh=False) as live:
                while not found.complete:
                    time.sleep(WATCH_SECONDS)
                    found = read_status(out)
                    live.update(drawn(found, out), refresh=True)
        except KeyboardInterrupt:  # it ends the watching; the run is not touched
            raise QuietExit(INTERRUPTED) from None
        if not console.is_terminal:
            print()  # Live ends its last line on a terminal only
    else:
        console.print(drawn(found, out))
    print(f"next: {next_step(found, out)}")


class _Merged(BaseModel):
    clips_done: int
    fingerprint: str


@lru_cache(maxsize=1)  # a million clips are read once, however often they are looked at
def _shares(clips_csv: Path, sha256: str) -> dict[int, Share]:
    shards = read_clips(clips_csv, sha256).groupby("shard")
    return {
        int(str(number)): Share(frozenset(clips["clip_id"].tolist()), shard_sha256(clips)) for number, clips in shards
    }
