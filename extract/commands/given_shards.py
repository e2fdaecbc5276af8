"""`--shard -`: a worker that takes one shard after the other from its standard input, as `submit` starts them.

A worker loads torch and its network once, which takes longer than a small shard.
"""

import contextlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import typer

from extract.commands.outcome import print_outcome
from extract.commands.shard_option import shard_of_plan

if TYPE_CHECKING:
    from extract.shards.ledger import LedgerRow

GIVEN = "-"


def take_given_shards(out: Path, stop: Event, work: "Callable[[int], Mapping[str, LedgerRow]]") -> None:
    """Work on each shard I/N that a line of the standard input names, until the input ends.

    After each shard, a line of the standard output has I/N and the exit status of `run --shard I/N`. Everything else
    goes to the standard error.

    Args:
        out: the feature cache.
        stop: once it is set, no further shard is begun.
        work: works on a shard and returns its failed clips by their ids.

    Raises:
        Stopped: `stop` was set.
        UserError: a shard cannot be done, or the plan has no such shard.
    """
    from extract.shards.run_folder import RunFolder
    from extract.shards.run_shards import Stopped

    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        for line in sys.stdin:
            if stop.is_set():
                raise Stopped
            only = shard_of_plan(line.strip(), RunFolder(out).plan.shards)
            assert only is not None
            status = 0
            try:
                print_outcome(out, work(only), only)
            except typer.Exit as failed:
                status = failed.exit_code
            print(line.strip(), status, file=answers, flush=True)
