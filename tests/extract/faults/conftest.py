"""The tools of the fault campaign: runs with a time limit, the checks at their end, and the table of results.

As tests a sample of each fault is made. EARLY_FAULTS=full makes them as often as docs/faults.md says and prints its
table, also where pytest-xdist runs the files side by side: each row travels with the report of its test.
EARLY_FAULTS_TABLE names a file that has the rows so far after every test. EARLY_FAULTS_SEED chooses other moments. The
faults themselves are in the test files.
"""

import contextlib
import json
import os
import random
import re
import signal
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from extract.decoding.synthetic_clip import write_numbered_clip
from extract.shards.run_folder import RunFolder
from extract.shards.run_rows import read_run_rows
from manifests.manifest import COLUMNS, Manifest, write_manifest

FULL = os.environ.get("EARLY_FAULTS") == "full"
SEED = os.environ.get("EARLY_FAULTS_SEED", "0")
TABLE = os.environ.get("EARLY_FAULTS_TABLE", "")
TROUBLES = ("lost", "wrong", "hung", "traceback", "left behind")
LIMIT = 120.0  # seconds, for any command
SHARDS = 3
CLIPS = 24

# Many small parts, so that there is much to be hit; signs of life as often; scratch of its own.
BEFORE = """
import os
from extract.shards import heartbeat, shard_worker
shard_worker.PART_CLIPS, shard_worker.FIRST_PART_SECONDS, heartbeat.SECONDS = 3, 0.2, 0.1
os.environ["EXTRACT_SCRATCH"] = {scratch!r}
"""


class Fault:
    """A kind of fault: how often it was made, with how many clips, and which of its consequences are wrong."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.times = self.clips = 0
        self.counts: Counter[str] = Counter()
        self.notes: list[str] = []
        self.outcome = ""  # in words, for the table

    def row(self) -> str:
        """Return the row of the table."""
        counts = " | ".join(str(self.counts[kind]) for kind in TROUBLES)
        return f"| {self.name} | {self.times} | {self.clips} | {counts} | {self.outcome} |"

    def trouble(self, kind: str, what: object, count: int = 1) -> None:
        assert kind in TROUBLES
        self.counts[kind] += count
        self.notes.append(f"{kind}: {what}")


class Campaign:
    """The faults of one test: how often, and when."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, name: str) -> Fault:
        self.faults.append(Fault(name))
        return self.faults[-1]

    def times(self, sample: int, full: int) -> int:
        return full if FULL else sample

    def chance(self, name: str) -> random.Random:
        return random.Random(f"{SEED} {name}")


class Trial:
    """One cache, made in spite of a fault.

    Args:
        command: the command line, `CommandLine`.
        fault: what is to be made of it.
        clips: arguments that name the clips, as `clips.csv --videos videos`.
        folder: an empty one.
        whole: the bytes that must come out.
        without_locks: a function that starts a command line whose locks fail with an error, by its name.
        error: that error, for every command of the trial; "": they have locks.
    """

    def __init__(
        self,
        command: Any,
        fault: Fault,
        clips: list[str | Path],
        folder: Path,
        whole: bytes,
        without_locks: Callable[..., Any],
        error: str = "",
    ) -> None:
        self.command, self.fault, self.clips, self.whole = command, fault, clips, whole
        self.without_locks, self.error = without_locks, error
        self.out, self.scratch = folder / "out" / "features.h5", folder / "scratch"
        for made in (self.out.parent, self.scratch):
            made.mkdir(parents=True, exist_ok=True)

    @property
    def run(self) -> RunFolder:
        return RunFolder(self.out)

    def plan(self, shards: int = SHARDS) -> Any:
        return self.do("plan", *self.clips, "--out", self.out, "--shards", str(shards), "--quick")

    def do(self, *words: str | Path) -> Any:
        """Run a command to its end."""
        return self.end(self._begin(words, "", self.error))

    def start(self, *options: str, before: str = "", error: str = "") -> Any:
        """Start a worker; with the name of an error, one whose locks fail with it."""
        worker = ["run", "--out", self.out, "--device", "cpu", "--workers", "2", *options]
        return self._begin(worker, BEFORE.format(scratch=str(self.scratch)) + before, error or self.error)

    def _begin(self, words: Sequence[str | Path], before: str, error: str) -> Any:
        return self.without_locks(error, *words, before=before) if error else self.command.start(*words, before=before)

    def end(self, running: Any) -> Any:
        """Wait for a command, not for ever, and look at how it ended."""
        until = time.monotonic() + LIMIT
        while not is_over(running.pid) and time.monotonic() < until:
            time.sleep(0.01)
        if not is_over(running.pid):
            self.fault.trouble("hung", f"{running} after {LIMIT:g} s")
            os.killpg(running.pid, signal.SIGKILL)
        until = time.monotonic() + 60.0  # a busy machine lets them run late; what stays for good is found all the same
        while (others := session(running.pid)) and time.monotonic() < until:
            time.sleep(0.01)
        if others:
            self.fault.trouble("left behind", f"processes {others}", len(others))
        finished = running.wait()
        sentence = re.fullmatch("(.*\n)?error: .*\n", finished.stderr)  # behind the progress, where there was some
        if "Traceback" in finished.stderr + finished.stdout or (finished.status == 1 and not sentence):
            self.fault.trouble("traceback", finished)
        elif finished.status not in (0, 1, 3, 130, 143, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGUSR1):
            self.fault.trouble("wrong", f"exit status {finished.status}: {finished}")
        return finished

    def strike(self, running: Any, number: signal.Signals, target: str, chance: random.Random) -> bool:
        """Send a signal to a worker, to one of its decoders or to all of them; tell whether somebody was hit."""
        decoders = session(running.pid)
        if is_over(running.pid) or (target == "a decoder" and not decoders):
            return False
        with contextlib.suppress(ProcessLookupError):
            if target == "all":
                os.killpg(running.pid, number)
            else:
                os.kill(chance.choice(decoders) if target == "a decoder" else running.pid, number)
            return True
        return False

    def is_over(self, running: Any) -> bool:
        return is_over(running.pid)

    def finish(self, status: int = 0) -> None:
        """Run it until it is done, undisturbed; take what failed again; look at what is there."""
        finished = self.end(self.start())
        if finished.status == 3 and status == 0:
            finished = self.do("retry", self.out)
        if finished.status != status:
            self.fault.trouble("wrong", f"it does not end: {finished}")
        self.look()

    def look(self) -> None:
        """Look at a finished run: is all of it there, right, and nothing else?"""
        self.fault.clips += len(self.run.clips)
        if missing := read_run_rows(self.run).missing:
            self.fault.trouble("lost", missing, len(missing))
        if not self.out.exists() or self.out.read_bytes() != self.whole:
            self.fault.trouble("wrong", f"other bytes in {self.out}")
        if (verified := self.do("verify", self.out)).status != 0:
            self.fault.trouble("wrong", verified)
        leftovers = [*self.out.parent.rglob("*.tmp"), *self.out.parent.rglob("heartbeat.json"), *self.scratch.iterdir()]
        if leftovers:
            self.fault.trouble("left behind", leftovers, len(leftovers))


def is_over(pid: int) -> bool:
    return not (stat := _stat(pid)) or stat[0] == "Z"


def session(leader: int) -> list[int]:
    """Return the living child processes of a command line."""
    found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [
        pid for pid in found if pid != leader and (stat := _stat(pid)) and stat[0] != "Z" and int(stat[3]) == leader
    ]


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """The campaign; the test fails if a fault had wrong consequences."""
    campaign = Campaign()
    yield campaign
    place = request.session.items.index(request.node)
    for fault in campaign.faults:
        request.node.user_properties.append(("fault", json.dumps([place, fault.row()])))
    notes = [f"{fault.name}: {note}" for fault in campaign.faults for note in fault.notes]
    assert not notes, "\n".join(notes)


_rows: list[tuple[int, str]] = []  # place of the test, and a row of its faults


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect the rows of a test in the process that prints the table."""
    if not FULL or report.when != "teardown" or "PYTEST_XDIST_WORKER" in os.environ:
        return
    _rows.extend(tuple(json.loads(value)) for name, value in report.user_properties if name == "fault")
    if TABLE:
        Path(TABLE).write_text(table(), encoding="utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FULL and _rows:
        terminalreporter.section(f"faults, seed {SEED}")
        terminalreporter.write(table())


def table() -> str:
    """Return the table in Markdown, in the order of the tests."""
    head = [
        f"| fault | times | clips | {' | '.join(TROUBLES)} | what came of it |",
        "|---|--:|--:|" + "--:|" * len(TROUBLES) + "---|",
    ]
    rows = [row for _, row in sorted(_rows, key=lambda found: found[0])]
    return "".join(f"{line}\n" for line in head + rows)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with clips.csv, videos/c00.avi … and the same in videos.tar. Not to be changed."""
    folder = tmp_path_factory.mktemp("clips")
    (folder / "videos").mkdir()
    names = [f"c{index:02}" for index in range(CLIPS)]
    for index, name in enumerate(names):
        write_numbered_clip(folder / "videos" / f"{name}.avi", 12 + 2 * index, (64, 64) if index % 2 else (96, 72))
    with tarfile.open(folder / "videos.tar", "w") as archive:
        for name in names:
            archive.add(folder / "videos" / f"{name}.avi", f"{name}.avi")
    splits = zip(names, ["train", "test"] * (CLIPS // 2), strict=True)
    rows = [(name, f"{name}.avi", 0, "wave", "00", split, "made-up") for name, split in splits]
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), ("wave",)), folder / "clips.csv")
    return folder


@pytest.fixture(scope="session")
def videos(clips: Path) -> list[str | Path]:
    return [clips / "clips.csv", "--videos", clips / "videos"]


@pytest.fixture(scope="session")
def archive(clips: Path) -> list[str | Path]:
    return [clips / "clips.csv", "--videos", clips / "videos.tar"]


@pytest.fixture(scope="session")
def whole(command: Any, videos: list[str | Path], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The cache of `clips`, made by one process without faults."""
    out = tmp_path_factory.mktemp("whole") / "features.h5"
    finished = command("run", *videos, "--out", out, "--quick", "--device", "cpu", "--threads", "1")
    assert finished.status == 0, finished.stderr
    return out.read_bytes()


@pytest.fixture
def trial(
    request: pytest.FixtureRequest, command: Any, videos: list[str | Path], whole: bytes, tmp_path: Path
) -> Callable[..., Trial]:
    """A function that begins a trial: `trial(fault)`, optionally with other clips or another folder."""
    count = 0

    def without_locks(error: str, *words: str | Path, before: str) -> Any:
        command, answering = (request.getfixturevalue(name) for name in ("command_without_locks", "answering"))
        return command.start(*words, before=answering(error) + before)

    def begin(
        fault: Fault,
        *,
        of: list[str | Path] | None = None,
        folder: Path | None = None,
        shards: int = SHARDS,
        expected: bytes | None = None,
        error: str = "",
    ) -> Trial:
        nonlocal count
        count += 1
        folder = folder or tmp_path / f"trial{count}"
        trial = Trial(command, fault, of or videos, folder, expected or whole, without_locks, error)
        assert (planned := trial.plan(shards)).status == 0, planned
        return trial

    return begin
