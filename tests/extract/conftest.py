"""Clips and skeletons small enough to extract in a second, their manifests, the command line to start and to kill.

Importing torch takes seconds, so one process imports everything and forks a command line each time it is asked to.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch

from extract.decoding.synthetic_clip import write_numbered_clip
from extract.shards import shard_worker
from manifests.manifest import COLUMNS, Manifest, write_manifest

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 300.0  # seconds for a command to end
CLASSES = ("jump", "wave")
NUM_CLIPS = 8
SKELETON_CLASSES = ("raise", "lower")
SKELETON_SPLITS = ("train",) * 12 + ("validation",) * 4 + ("test",) * 4


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The clips that were given to the decoders, in that order."""
    names: list[str] = []
    original = shard_worker.decode_all

    def noted(tasks, **options):  # type: ignore[no-untyped-def]
        chosen = list(tasks)
        names.extend(task.clip_id for task in chosen)
        return original(chosen, **options)

    monkeypatch.setattr(shard_worker, "decode_all", noted)
    return names


@pytest.fixture(scope="session")
def assert_as_exact() -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor], None]:
    """A function that checks a float32 result against a float64 run of the same network.

    Two float32 runs differ from one another by an amount that depends on the processor. So the result may be at most
    eight times as far from the float64 run as a plain float32 run is on this processor. The floor is sixteen float32
    roundings of the largest value.
    """

    def check(found: torch.Tensor, plain: torch.Tensor, exact: torch.Tensor) -> None:
        assert found.dtype == plain.dtype == torch.float32 and exact.dtype == torch.float64
        floor = 16 * torch.finfo(torch.float32).eps * exact.abs().max()
        assert (found - exact).abs().max() <= 8 * (plain - exact).abs().max() + floor

    return check


@pytest.fixture(scope="session")
def drawn_footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with clips.csv and videos/c0.avi … c7.avi, of 12, 15, … 33 frames. Not to be changed."""
    folder = tmp_path_factory.mktemp("footage")
    (folder / "videos").mkdir()
    rows = []
    for index in range(NUM_CLIPS):
        write_numbered_clip(folder / "videos" / f"c{index}.avi", 12 + 3 * index, (64, 64) if index % 2 else (96, 72))
        split, label = ("train" if index < 5 else "test"), index % 2
        rows.append((f"c{index}", f"c{index}.avi", label, CLASSES[label], f"{index:02}", split, "made-up"))
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), CLASSES), folder / "clips.csv")
    return folder


@pytest.fixture
def footage(drawn_footage: Path, tmp_path: Path) -> Path:
    """The test's own copy of `drawn_footage`: it may be damaged."""
    return Path(shutil.copytree(drawn_footage, tmp_path / "footage"))


# Runs the command lines of a JSON list in one process, with a form feed after the output of each.
EACH = """
import json, sys
from common.command_line import run_cli
from extract.commands.app import app
for words in json.loads(sys.argv[1]):
    sys.argv = ["extract", *words]
    try:
        run_cli(app)
    except SystemExit as end:
        if end.code:
            raise
    print(chr(12), flush=True)
"""


@pytest.fixture
def own_copy(tmp_path: Path) -> Callable[..., list[str]]:
    """A function that adds files and lines to a copy of the packages, and returns what each command of it prints.

    Args of the function: new files by path, lines to insert after others by path, the words of each command.
    """
    copy = tmp_path / "copy"
    for package in ("common", "manifests", "extract"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "early_recognition.py", copy)

    def run(
        files: dict[str, str], lines: dict[str, list[tuple[str, str]]], *commands: Sequence[str | Path]
    ) -> list[str]:
        for name, content in files.items():
            assert not (copy / name).exists()
            (copy / name).write_text(content)
        for name, insertions in lines.items():
            content = (copy / name).read_text()
            for before, line in insertions:
                assert content.count(before) == 1
                content = content.replace(before, f"{before}\n{line}")
            (copy / name).write_text(content)
        command = [sys.executable, "-c", EACH, json.dumps([[str(word) for word in words] for words in commands])]
        environment = os.environ | {"PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.split("\f")[: len(commands)]

    return run


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], object]], None]:
    """A function that waits until a condition holds, and fails the test when it does not come to hold."""

    def wait(condition: Callable[[], object], seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"waited {seconds:g} s in vain"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def drawn_skeletons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with clips.csv and s0.npy … s19.npy of 20 … 39 frames. Not to be changed."""
    folder = tmp_path_factory.mktemp("skeletons")
    chance, rows = np.random.default_rng(0), []
    for index, split in enumerate(SKELETON_SPLITS):
        label, frames = index % 2, 20 + index
        joints = chance.uniform(-0.5, 0.5, (1, 20, 3)) + 0.02 * chance.standard_normal((frames, 20, 3))
        joints[:, 7, 1] += np.linspace(0, 1, frames) * (1 - 2 * label)
        np.save(folder / f"s{index}.npy", joints.astype(np.float32))
        rows.append((f"s{index}", f"s{index}.npy", label, SKELETON_CLASSES[label], f"{index:02}", split, "made-up"))
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), SKELETON_CLASSES), folder / "clips.csv")
    return folder


@pytest.fixture
def skeletons(drawn_skeletons: Path, tmp_path: Path) -> Path:
    """The test's own copy of `drawn_skeletons`."""
    return Path(shutil.copytree(drawn_skeletons, tmp_path / "skeletons"))


# On every decoder's path: while NAME.hold is beside NAME.avi or NAME.npy, its decoder writes NAME.pid and waits.
HOLD = """
import os, time
import extract.decoding.decode as decode
import extract.skeletons.segment_points as segment_points
from dataclasses import replace
pyav, decode_skeleton = decode.DECODERS["pyav"], segment_points.decode_skeleton
count, read = pyav.count, pyav.read
def wait(path):
    hold = path.with_suffix(".hold")
    if hold.exists():
        path.with_suffix(".pid").write_text(str(os.getpid()))
    while hold.exists():
        time.sleep(0.02)
def held(path):
    wait(path)
    return count(path)
def held_skeleton(path, *how):
    wait(path)
    return decode_skeleton(path, *how)
decode.DECODERS["pyav"] = replace(pyav, count=held, read=read)
segment_points.decode_skeleton = held_skeleton
"""

LAUNCHER = """
import json, os, signal, sys, traceback
import extract.run, common.progress, timm  # every command is a fork and finds them loaded
from extract.commands.app import app
from common.command_line import run_cli

def become_command_line(arguments, output, before):
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell put pytest in the background
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(f"{output}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.argv = ["extract", *arguments]
    exec(before, {})
    run_cli(app)

for line in sys.stdin:
    order = json.loads(line)
    if "wait" in order:
        print(os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1]), flush=True)
    elif process := os.fork():
        print(process, flush=True)
    else:
        status = 0
        try:
            become_command_line(**order)
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
"""


class Finished(NamedTuple):
    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Running:
    pid: int
    wait: Callable[[], Finished]


Hold = Callable[[str], tuple[Path, Callable[[], str]]]


# A network that takes milliseconds. Torch computes it, because OpenVINO would take seconds to compile it.
QUICK = [
    "--backbone=timm:test_resnet",
    "--weights=random",
    "--frames-per-segment=2",
    "--image-size=32",
    "--runtime=torch",
]


class CommandLine:
    """`python -m extract` by name: started, or run to its end. The argument `--quick` stands for those of `QUICK`."""

    def __init__(self, sabotage: Path, output: Path, **environment: str) -> None:
        # Python imports `sitecustomize` before it looks into the current folder: this tree's packages are named too.
        path = os.pathsep.join([str(sabotage), str(ROOT)])
        own = {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        own["EARLY_TRACEBACK"] = "1"  # what fails in a test says where
        self.environment = os.environ | own | environment
        self.output, self.count = output, 0
        self.launcher = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def close(self) -> None:
        assert self.launcher.stdin and self.launcher.stdout
        self.launcher.stdin.close()
        assert self.launcher.wait() == 0
        self.launcher.stdout.close()

    def start(self, *arguments: str | Path, before: str = "") -> Running:
        output = self._new_output()
        pid = self._ask({"arguments": self._words(arguments), "output": str(output), "before": before})
        return Running(pid, lambda: self._finished(self._wait(pid), output))

    def _wait(self, pid: int) -> int:
        """Return the exit status; of what hangs that of a kill."""
        patience = threading.Timer(PATIENCE, os.killpg, (pid, signal.SIGKILL))
        patience.start()
        try:
            return self._ask({"wait": pid})
        finally:
            patience.cancel()

    def start_for_real(self, *arguments: str | Path) -> Running:
        """A process of its own, from the first import."""
        output = self._new_output()
        with (output / "stdout").open("w") as stdout, (output / "stderr").open("w") as stderr:
            process = subprocess.Popen(
                ["env", "--default-signal=INT", sys.executable, "-m", "extract", *self._words(arguments)],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=self.environment,
                start_new_session=True,
            )
        return Running(process.pid, lambda: self._finished(process.wait(), output))

    def __call__(self, *arguments: str | Path, before: str = "") -> Finished:
        return self.start(*arguments, before=before).wait()

    def _words(self, arguments: Sequence[str | Path]) -> list[str]:
        return [word for given in arguments for word in (QUICK if given == "--quick" else [str(given)])]

    def _new_output(self) -> Path:
        self.count += 1
        output = self.output / str(self.count)
        output.mkdir()
        return output

    def _finished(self, status: int, output: Path) -> Finished:
        return Finished(status, (output / "stdout").read_text(), (output / "stderr").read_text())

    def _ask(self, order: dict[str, object]) -> int:
        assert self.launcher.stdin and self.launcher.stdout
        print(json.dumps(order), file=self.launcher.stdin, flush=True)
        return int(self.launcher.stdout.readline())


@pytest.fixture(scope="session")
def sabotage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the path of every process of `command`."""
    folder = tmp_path_factory.mktemp("sabotage")
    (folder / "sitecustomize.py").write_text(HOLD)
    return folder


@pytest.fixture(scope="session")
def command(sabotage: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    command = CommandLine(sabotage, tmp_path_factory.mktemp("output"))
    yield command
    command.close()


@pytest.fixture(scope="session")
def command_without_locks(
    sabotage: Path, without_locks: Callable[[str], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CommandLine]:
    """The same where no lock can be taken: with ENOLCK, or with the error that `answering` gives."""
    command = CommandLine(sabotage, tmp_path_factory.mktemp("output"), **without_locks("ENOLCK"))
    yield command
    command.close()


@pytest.fixture(scope="session")
def answering() -> Callable[[str], str]:
    """What stands before a command line of `command_without_locks` so that its locks fail with another error."""
    return lambda error: f"import errno, os; os.environ['NOLOCK_ERRNO'] = str(errno.{error})\n"


@pytest.fixture
def hold(footage: Path) -> Iterator[Hold]:
    """Lets a clip's decoder wait while the returned file exists; the returned function reads the decoder's process id.

    At the end of the test all go on, so that none is left where the test failed.
    """

    def hold_clip(clip_id: str) -> tuple[Path, Callable[[], str]]:
        gate, pid = (footage / "videos" / f"{clip_id}.{suffix}" for suffix in ("hold", "pid"))
        gate.touch()
        return gate, lambda: pid.read_text() if pid.exists() else ""

    yield hold_clip
    for gate in footage.glob("videos/*.hold"):
        gate.unlink()
