"""The verb `status`: how far a run is."""

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from common.errors import UserError
from common.exits import INTERRUPTED, QuietExit
from common.options import Json
from extract.commands.options import CacheFile

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from extract.shards.status import Status

WATCH_SECONDS = 2.0
WATCH = "Show it again every 2 s until every shard is done."


def status(
    out: CacheFile,
    watch: Annotated[bool, typer.Option("--watch", help=WATCH)] = False,
    as_json: Json = False,
) -> None:
    """Show how far a run is: done, running, failed and missing clips, clips/s, time left, and the next command.

    Example: `python -m extract status tsm.h5 --watch`
    """
    from rich.console import Console

    from extract.shards.status import read_status
    from extract.shards.status_table import next_step, status_table

    if watch and as_json:
        raise UserError("--watch draws for people and --json prints once for programs; give one of them")
    found = read_status(out)
    if as_json:
        print(json.dumps(asdict(found)))
        return
    console = Console(markup=False)  # [lite0] is no colour
    if watch:
        found = _watch(out, found, console)
    else:
        console.print(status_table(found, out))
    print(f"next: {next_step(found, out)}")


def _watch(out: "Path", found: "Status", console: "Console") -> "Status":
    """Show a run's status again and again until every shard is done; return the last status."""
    from rich.live import Live

    from extract.shards.status import read_status
    from extract.shards.status_table import status_table

    try:
        with Live(status_table(found, out), console=console, auto_refresh=False) as live:
            while not found.complete:
                time.sleep(WATCH_SECONDS)
                found = read_status(out)
                live.update(status_table(found, out), refresh=True)
    except KeyboardInterrupt:  # ends the display only; the run continues
        raise QuietExit(INTERRUPTED) from None
    if not console.is_terminal:
        print()  # Live ends its last line on a terminal only
    return found
