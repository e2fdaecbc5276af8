"""How the commands that work on a run end: what became of it, and exit status 3 if clips failed."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from common.errors import counted
from common.exits import SOME_FAILED

if TYPE_CHECKING:
    from extract.shards.ledger import LedgerRow
    from extract.shards.outcome import RunOutcome

SHOWN = 20  # failed clips in the table


def print_outcome(
    out: Path, failures: "Mapping[str, LedgerRow]", shard: int | None = None, *, as_json: bool = False
) -> None:
    """Print what became of a run or of one shard, and exit with status 3 if clips failed.

    Args:
        out: the feature cache.
        failures: the clips that failed, by their ids.
        shard: the shard that was worked on; None: all.
        as_json: print JSON.
    """
    from dataclasses import asdict

    from extract.shards.outcome import read_outcome

    outcome = read_outcome(out, failures, shard)
    if as_json:
        print(json.dumps(asdict(outcome)))
    else:
        print(_summary(outcome))
        if outcome.failures:
            _print_failures(outcome)
    if outcome.failures:
        raise typer.Exit(SOME_FAILED)


def _summary(outcome: "RunOutcome") -> str:
    unfinished = outcome.unfinished_shards
    if outcome.shard is not None:
        state = "not done" if outcome.shard in unfinished else "done"
        return f"shard {outcome.shard} of {outcome.cache} is {state}; {len(unfinished)} are not yet"
    if unfinished:
        return f"{outcome.cache} is not made yet: clips are missing in {len(unfinished)} shards; `run` resumes"
    assert outcome.content_sha256 is not None
    return f"{outcome.cache}: {outcome.valid} of {outcome.clips} clips, content sha256 {outcome.content_sha256[:16]}"


def _print_failures(outcome: "RunOutcome") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="failed clips", title_justify="left")
    for column in ("clip", "stage", "reason", "attempts"):
        table.add_column(column, overflow="fold")
    for row in outcome.failures[:SHOWN]:
        table.add_row(row.clip_id, row.stage, row.reason, str(row.attempt))
    Console(stderr=True, markup=False).print(table)
    print(
        f"{counted(len(outcome.failures), 'clip')} failed; the reasons are in "
        f"{outcome.cache}.run/shards/*/failures.jsonl. `python -m extract retry {shlex.quote(outcome.cache)}` "
        "takes the failed clips again"
    )
