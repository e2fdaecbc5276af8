"""The tools of the campaign of faulty streams: watching with a time limit, the checks, and the table of results.

As tests a sample is made. EARLY_FAULTS=full makes all of it and prints the table of docs/faults.md. EARLY_FAULTS_SEED
chooses other moments and bits. The faults themselves are in `test_stream_faults.py` and in `stream_faults.py`.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from evaluate.watch.events import Event, Prediction, SourceEnded
from evaluate.watch.mailbox import Mailbox, Message
from evaluate.watch.watch_settings import WatchSettings
from evaluate.watch.watcher import Watcher
from tests.evaluate.watch.faults.stream_faults import rows

FULL = os.environ.get("EARLY_FAULTS") == "full"
SEED = os.environ.get("EARLY_FAULTS_SEED", "0")
TROUBLES = ("hung", "silent", "wrong", "left behind")
LIMIT = 25.0  # seconds, of one trial
SETTINGS = WatchSettings(action_seconds=1.0, real_time=False, stall_seconds=1.0, reconnect_seconds=1.5)


class Trial:
    """Sources that are watched together: a healthy file and faulty ones. It counts what went wrong.

    Args:
        watcher: the model.
        healthy: a file.
        expected: the probabilities of the healthy file alone, (n, C).
        most: tells how many messages waited at most, as a list of one number.
    """

    def __init__(self, watcher: Watcher, healthy: Path, expected: np.ndarray, most: list[int]) -> None:
        self._watcher, self._healthy, self._expected, self._most = watcher, str(healthy), expected, most
        self.counts: Counter[str] = Counter()
        self.notes: list[str] = []
        self.outcomes: Counter[str] = Counter()

    def watch(
        self,
        faulty: Sequence[str],
        during: Callable[[list[Event]], None] = lambda _: None,
        settings: WatchSettings = SETTINGS,
    ) -> None:
        """Watch until all sources have ended, and look at what came.

        Args:
            faulty: the sources beside the healthy one.
            during: is called after every event, with all events so far.
            settings: how they are watched.
        """
        events: list[Event] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                for event in self._watcher.watch([self._healthy, *faulty], settings):
                    events.append(event)
                    during(events)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(LIMIT)
        if thread.is_alive():
            self.trouble("hung", [event for event in events if not isinstance(event, Prediction)])
        if errors:
            self.trouble("wrong", errors)
        self._look(events, faulty)
        until = time.monotonic() + 10
        while (left := feeders()) and time.monotonic() < until:
            time.sleep(0.05)
        if left:
            self.trouble("left behind", left)

    def _look(self, events: list[Event], faulty: Sequence[str]) -> None:
        own = [
            event.probabilities for event in events if isinstance(event, Prediction) and event.source == self._healthy
        ]
        if not np.array_equal(own, self._expected):
            self.trouble("wrong", f"the healthy source has {len(own)} other predictions")
        ends = {event.source: event.reason for event in events if isinstance(event, SourceEnded)}
        if ends.get(self._healthy) != "":
            self.trouble("wrong", f"the healthy source: {ends.get(self._healthy)}")
        if strange := {event.source for event in events} - {self._healthy, *faulty}:
            self.trouble("wrong", f"events of {strange}")
        for source in faulty:
            if source not in ends:
                self.trouble("silent", source)
                continue
            came = any(isinstance(event, Prediction) and event.source == source for event in events)
            self.outcomes["with predictions" if came else "without predictions"] += 1
            self.outcomes[f"“{ends[source]}”" if ends[source] else "ended by itself"] += 1

    def trouble(self, kind: str, what: object) -> None:
        assert kind in TROUBLES
        self.counts[kind] += 1
        self.notes.append(f"{kind}: {what}")

    def finish(self, name: str, times: int) -> None:
        """Add the row of the table; the test fails if anything went wrong."""
        counts = " | ".join(str(self.counts[kind]) for kind in TROUBLES)
        outcome = ", ".join(f"{count} × {what}" for what, count in self.outcomes.most_common())
        rows.append(f"| {name} | {times} | {counts} | {self._most[0]} | {outcome} |")
        assert not self.notes, "\n".join(self.notes)


def feeders() -> list[int]:
    """Return the living child processes of this one that read sources."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = (path / "stat").read_text().rpartition(") ")[2].split()
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if int(parent[1]) == os.getpid() and parent[0] != "Z" and b"evaluate.watch.feeder" in command:
            found.append(int(path.name))
    return found


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages waited at most in a mailbox, as a list of one number."""
    found, original = [0], Mailbox.put

    def put(self: Mailbox, message: Message) -> None:
        original(self, message)
        found[0] = max(found[0], len(self._waiting))

    monkeypatch.setattr(Mailbox, "put", put)
    return found


@pytest.fixture(scope="module")
def watcher(one_stream: Path) -> Watcher:
    return Watcher.load(one_stream, device="cpu")


@pytest.fixture
def trial(watcher: Watcher, drawn: Path, most: list[int]) -> Trial:
    healthy = min(drawn.rglob("*.avi"))
    alone = watcher.watch([str(healthy)], SETTINGS)
    expected = np.stack([event.probabilities for event in alone if isinstance(event, Prediction)])
    return Trial(watcher, healthy, expected, most)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FULL and rows:
        terminalreporter.section(f"faults of live streams, seed {SEED}")
        head = f"| fault | times | {' | '.join(TROUBLES)} | most waiting | what came of it |"
        line = "|---|--:|" + "--:|" * (len(TROUBLES) + 1) + "---|"
        terminalreporter.write("".join(f"{row}\n" for row in [head, line, *rows]))


@pytest.fixture(autouse=True)
def one_thread_each(one_thread: None) -> Iterator[None]:
    yield
