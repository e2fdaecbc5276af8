"""Several workers on one shard, with locks and without, and clocks that jump."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from extract.shards.status import read_status

# A disk that takes its time until something is on it, so that workers meet in the middle of each other's writing.
SLOW = """
import time
import common.files
fsync = common.files._fsync
def slow(path):
    time.sleep(0.1)
    fsync(path)
common.files._fsync = slow
"""
# A clock that is hours off, each time differently.
JUMPS = """
import random, time
chance, real = random.Random({seed}), time.time
time.time = lambda: real() + chance.uniform(-10_000, 10_000)
"""


# As a test two workers are left alone and one of three is killed. The campaign makes all combinations.
CASES = [
    (workers, error, killed)
    for workers in (2, 3)
    for error in ("", "ENOLCK", "EOPNOTSUPP")
    for killed in (False, True)
    if os.environ.get("EARLY_FAULTS") == "full" or killed == (workers == 3)
]


@pytest.mark.parametrize(("workers", "error", "killed"), CASES)
def test_workers_on_one_shard(campaign: Any, trial: Callable[..., Any], workers: int, error: str, killed: bool) -> None:
    locks = f"without locks ({error})" if error else "with locks"
    name = f"{workers} workers on a shard, {locks}{', one killed' if killed else ''}"
    fault, chance = campaign.fault(name), campaign.chance(name)
    for _ in range(campaign.times(1, 6)):
        shared = trial(fault, shards=1)
        running = []
        for _ in range(workers):
            running.append(shared.start("--shard", "0/1", error=error, before=SLOW))
            time.sleep(chance.choice([0.0, chance.uniform(0, 1.5)]))  # into the middle of the others
        if killed:
            time.sleep(chance.uniform(0, 0.4))
            shared.strike(running[0], signal.SIGKILL, "a worker", chance)
        ended = [shared.end(one) for one in running]
        fault.times += 1
        if any(finished.status not in ((0, -signal.SIGKILL) if killed else (0,)) for finished in ended):
            fault.trouble("wrong", ended)
        if killed:
            shared.finish()  # sweeps what it left
        else:
            shared.look()


def test_a_clock_that_jumps(campaign: Any, trial: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    fault, chance, now = campaign.fault("clock jumps by hours"), campaign.chance("clock"), time.time
    for _ in range(campaign.times(1, 12)):
        jumping = trial(fault)
        running = [
            jumping.start("--shard", f"{shard}/3", before=JUMPS.format(seed=chance.randrange(1000)))
            for shard in chance.choice([(0, 1, 2), (0, 0, 1)])
        ]
        while not all(map(jumping.is_over, running)):
            with monkeypatch.context() as patch:
                patch.setattr(time, "time", lambda off=chance.uniform(-10_000, 10_000): now() + off)
                _refuse_nonsense(jumping, fault)
            time.sleep(0.1)
        if any(jumping.end(one).status for one in running):
            fault.trouble("wrong", "a worker was misled")
        fault.times += 1
        jumping.finish()


def _refuse_nonsense(jumping: Any, fault: Any) -> None:
    """Check a run's status: a shard with a heartbeat runs, and the sums are right."""
    alive = _heartbeats(jumping)
    status = read_status(jumping.out)
    alive &= _heartbeats(jumping)
    for shard in status.shards:
        sums = shard.done + shard.failed + shard.missing == shard.clips and shard.clips_per_second >= 0
        idle = shard.shard in alive and shard.state not in ("running", "complete")
        if not sums or idle or shard.failed or (shard.quiet_seconds or 0) > 1000:
            fault.trouble("wrong", f"{shard}, {alive}")


def _heartbeats(jumping: Any) -> set[int]:
    return {int(beat.parent.name) for beat in jumping.run.folder.glob("shards/*/heartbeat.json")}
