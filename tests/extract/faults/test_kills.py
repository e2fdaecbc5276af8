"""Runs of several shards make the same bytes, however often they are killed, stopped and interrupted."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

RESTARTS = 8  # of one run, before it is let alone
SHARDS = 3
# The signal, whom it hits, and how often: as a test, and in the campaign.
KINDS = {
    "kill -9 of a worker": (signal.SIGKILL, "a worker", 5, 60),
    "kill -9 of a decoder": (signal.SIGKILL, "a decoder", 3, 40),
    "kill -9 of a worker and its decoders": (signal.SIGKILL, "all", 2, 20),
    "SIGTERM": (signal.SIGTERM, "a worker", 2, 20),
    "SIGUSR1": (signal.SIGUSR1, "a worker", 1, 20),
    "Ctrl-C": (signal.SIGINT, "all", 2, 20),
}


@pytest.fixture(scope="module")
def longest(command: Any, videos: Any, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds of a run without faults, one worker after the other."""
    out = tmp_path_factory.mktemp("longest") / "features.h5"
    assert command("plan", *videos, "--out", out, "--shards", str(SHARDS), "--quick").status == 0
    began = time.monotonic()
    assert command("run", "--out", out, "--device", "cpu", "--workers", "2").status == 0
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.parametrize("name", list(KINDS))
def test_at_random_moments(campaign: Any, trial: Callable[..., Any], archive: Any, longest: float, name: str) -> None:
    number, target, sample, full = KINDS[name]
    fault, chance, statuses = campaign.fault(name), campaign.chance(name), Counter[int]()
    wanted = campaign.times(sample, full)
    while fault.times < wanted:
        disturbed = trial(fault, of=chance.choice([None, archive]))
        for _ in range(RESTARTS):
            if fault.times >= wanted or disturbed.out.exists():
                break
            running = [disturbed.start(*options) for options in _workers(chance)]
            time.sleep(chance.uniform(0, longest))
            fault.times += sum(disturbed.strike(one, number, target, chance) for one in running)
            statuses.update(disturbed.end(one).status for one in running)
        disturbed.finish()
    fault.outcome = "exit statuses: " + ", ".join(f"{times} × {status}" for status, times in statuses.most_common())


def _workers(chance: random.Random) -> list[list[str]]:
    """Return the options of one worker for all shards, of one for one shard, or of two for two shards."""
    shards = chance.sample(range(SHARDS), chance.randint(0, 2))
    return [["--shard", f"{shard}/{SHARDS}"] for shard in shards] or [[]]
