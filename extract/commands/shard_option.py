"""The option `--shard I/N`, and the index that a scheduler gives instead."""

import os
import re
from typing import Annotated

import typer

from common.errors import UserError

SHARD = (
    "I/N, from 0/N: only this shard. -: one after the other as the standard input names them, one a line. "
    "Default: SLURM's or Kubernetes' index if the plan has several, else all."
)
INDEX_VARIABLES = ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX")

Shard = Annotated[str | None, typer.Option(help=SHARD)]


def shard_of_plan(option: str | None, num_shards: int) -> int | None:
    """Return the shard to work on: as given, else the scheduler's index if there are several; None: all.

    Args:
        option: the value of `--shard`; None: not given.
        num_shards: number of shards of the plan.

    Raises:
        UserError: the plan has no such shard.
    """
    if option:
        shard, total = parse_shard(option)
        if total != num_shards:
            raise UserError(
                f"--shard {option}: the run was planned with {num_shards} shards; give {shard}/{num_shards}"
            )
        return shard
    index = next((os.environ[name] for name in INDEX_VARIABLES if os.environ.get(name)), None)
    if index is None or num_shards == 1:
        return None
    if not index.isdecimal() or int(index) >= num_shards:
        raise UserError(
            f"the scheduler's index is {index}, and the shards are 0 to {num_shards - 1}: --array=0-{num_shards - 1}"
        )
    return int(index)


def parse_shard(option: str) -> tuple[int, int]:
    """Return I and N of `--shard I/N`.

    Raises:
        UserError: it is not of this form.
    """
    parts = re.fullmatch(r"(\d+)/(\d+)", option)
    if not parts or int(parts[1]) >= int(parts[2]):
        raise UserError(f"--shard {option}: give I/N with I from 0 to N-1, as in 0/16")
    return int(parts[1]), int(parts[2])
