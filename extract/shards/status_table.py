"""A run's status for a terminal: totals, the shards that need attention, why clips failed, and the next command.

Complete shards are only counted.
"""

import shlex
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table

from extract.shards.shard_status import ShardStatus, State
from extract.shards.status import Status

SHOWN = 20  # maximum number of shards in the table, the most urgent first
ORDER: dict[State, int] = {"stopped": 0, "running": 1, "waiting": 2, "complete": 3}


def status_table(status: Status, out: Path) -> Group:
    """Return the texts and tables that show a run."""
    lines: list[RenderableType] = [_totals(status, out.name)]
    notable = [shard for shard in status.shards if shard.state in ("stopped", "running") or shard.failed]
    notable.sort(key=lambda shard: (ORDER[shard.state], -(shard.quiet_seconds or 0), -shard.failed))
    if notable:
        lines.append(_shards(notable[:SHOWN]))
    if len(notable) > SHOWN:
        lines.append(f"… and {len(notable) - SHOWN} more; --json has them all")
    if status.reasons:
        lines.append(_reasons(status))
    if status.other_reasons:
        clips = status.failed - sum(reason.clips for reason in status.reasons)
        reasons = "reason" if status.other_reasons == 1 else "reasons"
        ledgers = f"{out}.run/shards/*/failures.jsonl"
        lines.append(f"… and {status.other_reasons} more {reasons} of {clips} clips; all are in {ledgers}")
    return Group(*lines)


def next_step(status: Status, cache: Path) -> str:
    """Return the next command. It is not part of a table, because a table could break the line that users copy."""
    out = shlex.quote(str(cache))
    if status.complete and not status.merged and status.done:
        return f"python -m extract merge {out}, unless the worker that ended last is making the cache now"
    if status.complete and status.failed:
        return f"python -m extract retry {out} takes the failed clips again"
    if status.complete:
        return f"nothing; python -m extract verify {out} checks the cache"
    if not status.count("running"):
        return f"python -m extract run --out {out} resumes here; python -m extract submit {out}, on a cluster"
    if stopped := [shard.shard for shard in status.shards if shard.state == "stopped"]:
        return (
            f"python -m extract run --out {out} --shard {stopped[0]}/{len(status.shards)} resumes a shard that stopped"
        )
    return f"nothing; python -m extract status {out} --watch shows the progress"


def _totals(status: Status, name: str) -> str:
    counts = ", ".join(f"{count} {state}" for state in ORDER if (count := status.count(state)))
    shards = f"{len(status.shards)} shard{'s' if len(status.shards) > 1 else ''}"
    share = 100 * status.done / status.clips
    lines = [
        f"{name}: {shards} ({counts}){'; merged' if status.merged else ''}",
        f"{status.clips} clips: {status.done} done ({share:.1f} %), {status.failed} failed, {status.missing} missing",
    ]
    if status.count("running"):
        left = "" if status.seconds_left is None else f", {_duration(status.seconds_left)} left"
        lines.append(f"{status.clips_per_second:.1f} clips/s{left}")
    return "\n".join(lines)


def _shards(shards: list[ShardStatus]) -> Table:
    table = Table(title="shards that run, stopped, or have failed clips", title_justify="left")
    table.add_column("shard", justify="right")
    table.add_column("state")
    table.add_column("worker", overflow="fold")
    for column in ("done", "failed", "missing", "clips/s", "quiet"):
        table.add_column(column, justify="right")
    for shard in shards:
        table.add_row(
            str(shard.shard),
            shard.state,
            " ".join(filter(None, (shard.host, shard.job))),
            str(shard.done),
            str(shard.failed),
            str(shard.missing),
            f"{shard.clips_per_second:.1f}" if shard.state == "running" else "",
            "" if shard.quiet_seconds is None else _duration(shard.quiet_seconds),
        )
    return table


def _reasons(status: Status) -> Table:
    table = Table(title="why clips failed", title_justify="left")
    table.add_column("clips", justify="right")
    for column in ("stage", "reason", "for example"):
        table.add_column(column, overflow="fold")
    for reason in status.reasons:
        table.add_row(str(reason.clips), reason.stage, reason.reason, reason.example)
    return table


def _duration(seconds: float) -> str:
    """Return a time such as `40 s` or `2 h 5 min`."""
    minutes = round(seconds / 60)
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{seconds / 86400:.1f} days"
