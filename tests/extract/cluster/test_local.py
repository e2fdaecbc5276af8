"""Workers on this machine: killed, interrupted, without their parent; and which GPU each of them gets.

The clips are skeletons, because a worker that needs no network of timm starts in half of the time.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from common.errors import UserError
from common.exits import exit_on_sigterm
from extract.cluster.local import run_locally
from extract.cluster.submission import Submission
from extract.cluster.worker import ATTEMPTS, MOST_ERRORS
from extract.extraction import Extraction
from extract.machine import Machine
from extract.planning import plan_run
from manifests.manifest import COLUMNS, Manifest, write_manifest
from manifests.recipes.extraction import Extract

LOCAL = ["--engine", "local", "--device", "cpu", "--workers", "1"]
SHARDS = 3


@pytest.fixture(scope="session")
def drawn_footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with clips.csv and the skeletons videos/c0.npy … c7.npy. Not to be changed."""
    folder, chance, rows = tmp_path_factory.mktemp("skeletons"), np.random.default_rng(0), []
    (folder / "videos").mkdir()
    for index in range(8):
        np.save(folder / "videos" / f"c{index}.npy", chance.normal(size=(12 + 3 * index, 20, 3)))
        split = "train" if index < 5 else "test"
        rows.append((f"c{index}", f"c{index}.npy", 0, "wave", "00", split, "made-up"))
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), ("wave",)), folder / "clips.csv")
    return folder


@pytest.fixture(scope="session")
def whole(command: Any, drawn_footage: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The cache of one process, in one piece."""
    out = tmp_path_factory.mktemp("whole") / "features.h5"
    words = ["--videos", drawn_footage / "videos", "--out", out, "--backbone", "joint_statistics", "--weights", "none"]
    finished = command("run", drawn_footage / "clips.csv", *words, "--threads", "1", "--device", "cpu")
    assert finished.status == 0, finished.stderr
    return out.read_bytes()


@pytest.fixture
def out(footage: Path, tmp_path: Path, one_thread: None) -> Path:
    """A planned run of `footage` in three shards, in a folder whose name has a blank."""
    out = tmp_path / "the run" / "features.h5"
    recipe = Extract(backbone="joint_statistics", weights="none")
    plan_run(Extraction(footage / "clips.csv", footage / "videos", out, recipe, Machine(threads=1), SHARDS))
    return out


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """A function that tells whether a process has ended."""

    def is_gone(pid: int) -> bool:
        try:
            return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()  # a zombie waits for its parent
        except (FileNotFoundError, ProcessLookupError):
            return True

    return is_gone


@pytest.mark.slow
def test_a_killed_worker_is_started_again_and_failed_clips_are_taken_again(
    command: Any,
    footage: Path,
    out: Path,
    whole: bytes,
    hold: Any,
    last_clip: Callable[[int], str],
    wait_until: Callable[..., None],
    parent_of: Callable[[str | int], int],
) -> None:
    gate, decoder = hold(last_clip(1))
    broken = footage / "videos" / f"{last_clip(0)}.npy"
    intact = broken.read_bytes()
    broken.write_text("not a skeleton")
    running = command.start("submit", out, *LOCAL, "--at-once", "2")
    wait_until(decoder)
    before = decoder()
    os.kill(parent_of(before), signal.SIGKILL)
    wait_until(lambda: decoder() != before)
    gate.unlink()
    finished = running.wait()
    assert finished.status == 3, finished.stderr
    assert "7 of 8 clips" in finished.stdout and last_clip(0) in finished.stderr
    again = command("submit", out, *LOCAL)
    assert again.status == 3 and again.stdout.startswith("every shard is done already\n")
    broken.write_bytes(intact)
    finished = command("submit", out, *LOCAL, "--retry")
    assert finished.status == 0, finished.stderr
    assert "8 of 8 clips" in finished.stdout
    assert out.read_bytes() == whole
    assert command("submit", out, *LOCAL, "--retry").stdout.startswith("no clip has failed\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status", "sentence"),
    [
        (signal.SIGINT, 130, "interrupted: what was finished is kept; run the same command to resume\n"),
        (signal.SIGKILL, -9, ""),
    ],
)
def test_ended_in_the_middle(
    command: Any,
    out: Path,
    whole: bytes,
    hold: Any,
    last_clip: Callable[[int], str],
    wait_until: Callable[..., None],
    parent_of: Callable[[str | int], int],
    gone: Callable[[int], bool],
    number: signal.Signals,
    status: int,
    sentence: str,
) -> None:
    gates, decoders = zip(*(hold(last_clip(shard)) for shard in (0, 1)), strict=True)
    running = command.start("submit", out, *LOCAL, "--at-once", "2")
    wait_until(lambda: all(decoder() for decoder in decoders))
    workers = [parent_of(decoder()) for decoder in decoders]
    os.killpg(running.pid, number)
    finished = running.wait()
    assert finished.status == status, finished
    assert finished.stderr.endswith(sentence) and "Traceback" not in finished.stderr
    wait_until(lambda: all(map(gone, workers)))  # they do not outlive their starter
    assert not list(out.parent.rglob("heartbeat.json")), "they ended in order"
    assert not out.exists()

    for gate in gates:
        gate.unlink()
    finished = command("submit", out, *LOCAL)
    assert finished.status == 0, finished.stderr
    assert out.read_bytes() == whole


STAND_IN = """
import os, signal, sys, time
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    shard, status = int(line.split("/")[0]), 0
    try:
        {code}
    except SystemExit as ended:
        status = ended.code
        if status not in (0, 3):
            raise
    print(line.strip(), status, file=answers, flush=True)
"""


class StandIns:
    """Stand-ins for workers, a few lines of Python for each shard; their logs are in the folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch

    def __call__(self, code: str, shards: int = 4, **how: Any) -> Submission:
        program = STAND_IN.format(code=code)
        self.monkeypatch.setattr(Submission, "command", lambda work: [sys.executable, "-c", program])
        return Submission(self.folder / "features.h5", tuple(range(shards)), shards, **how)

    def log(self, shard: int) -> list[str]:
        """Return the lines of a shard, whichever worker had it."""
        found, own = [], False
        for log in sorted((self.folder / "features.h5.run" / "jobs").glob("local-*.log")):
            for line in log.read_text().splitlines():
                if line.startswith("shard ") and "/" in line:
                    own = line.startswith(f"shard {shard}/")
                elif own:
                    found.append(line)
        return found


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    return StandIns(tmp_path, monkeypatch)


def test_every_shard_has_its_worker_and_clips_may_fail(stand_ins: StandIns) -> None:
    looks = []
    run_locally(stand_ins("print('this is', shard); sys.exit(3 * (shard == 1))", at_once=3), lambda: looks.append(1))
    assert [stand_ins.log(shard) for shard in range(4)] == [[f"this is {shard}"] for shard in range(4)]
    assert looks


def test_a_worker_takes_one_shard_after_the_other(stand_ins: StandIns) -> None:
    """The start of a worker takes longer than a small shard."""
    code = "print('process', os.getpid(), flush=True); time.sleep(0.3)"
    work = stand_ins(code, shards=6, device="cpu", at_once=2)
    run_locally(work, lambda: None)
    assert len({stand_ins.log(shard)[0] for shard in range(6)}) == 2
    assert sorted(log.name for log in work.jobs.iterdir()) == ["local-0.log", "local-1.log"]


def test_after_an_error_another_process_takes_the_next_shard(stand_ins: StandIns) -> None:
    code = "print('process', os.getpid(), flush=True); shard == 1 and sys.exit(1)"
    with pytest.raises(UserError, match=r"1 workers failed \(shard 1\): process"):
        run_locally(stand_ins(code, device="cpu"), lambda: None)
    processes = [stand_ins.log(shard)[0] for shard in range(4)]
    assert processes[0] == processes[1] != processes[2] == processes[3]


def test_one_worker_at_a_time_unless_told(stand_ins: StandIns) -> None:
    code = "os.mkdir('busy'); time.sleep(0.1); os.rmdir('busy')"
    stand_ins.monkeypatch.chdir(stand_ins.folder)
    run_locally(stand_ins(code, device="cpu"), lambda: None)
    with pytest.raises(UserError, match="File exists: 'busy'"):
        run_locally(stand_ins(code, device="cpu", at_once=4), lambda: None)


def test_a_worker_that_is_killed_every_time_is_given_up(stand_ins: StandIns) -> None:
    code = "print('again', flush=True); shard == 2 and os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(UserError, match=r"1 workers failed \(shard 2\): .*again"):
        run_locally(stand_ins(code), lambda: None)
    assert [len(stand_ins.log(shard)) for shard in range(4)] == [1, 1, ATTEMPTS, 1]


def test_what_ails_every_worker_is_not_tried_on_every_shard(stand_ins: StandIns) -> None:
    work = stand_ins("print('error: no weights', file=sys.stderr); sys.exit(1)", shards=20)
    with pytest.raises(UserError, match=r"3 workers failed \(shard 0, 1, 2\): no weights\. Logs are in"):
        run_locally(work, lambda: None)
    assert sum(map(bool, map(stand_ins.log, range(20)))) == MOST_ERRORS


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_told_to_end_it_tells_its_workers_and_waits(
    stand_ins: StandIns, number: signal.Signals, error: type[BaseException]
) -> None:
    code = "signal.signal(15, lambda *_: (print('told'), sys.exit(143))); print('up', flush=True); time.sleep(60)"
    work = stand_ins(code, at_once=2)

    def interrupt() -> None:
        if all(stand_ins.log(shard) for shard in (0, 1)):
            signal.raise_signal(number)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell put pytest in the background
    with pytest.raises(error) as caught, exit_on_sigterm():
        run_locally(work, interrupt)
    assert not isinstance(caught.value, SystemExit) or caught.value.code == 143
    assert [stand_ins.log(shard) for shard in (0, 1)] == [["up", "told"]] * 2
    assert len(list(work.jobs.iterdir())) == 2
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("seen", "at_once", "given"),
    [
        (None, None, {"0", "1"}),
        ("5,MIG-7", None, {"5", "MIG-7"}),
        (None, 4, {"0", "1"}),
        (None, 1, {"0"}),
    ],
)
def test_each_worker_has_a_gpu(stand_ins: StandIns, seen: str | None, at_once: int | None, given: set[str]) -> None:
    stand_ins.monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    stand_ins.monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    if seen:
        stand_ins.monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    else:
        stand_ins.monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    code = "time.sleep(0.3); print(os.environ['CUDA_VISIBLE_DEVICES'])"
    run_locally(stand_ins(code, at_once=at_once), lambda: None)
    assert {stand_ins.log(shard)[0] for shard in range(4)} == given
    with pytest.raises(UserError, match="gives each worker a GPU of its own; give --device cuda"):
        run_locally(stand_ins(code, device="cuda:1"), lambda: None)
    stand_ins.monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "untouched")
    run_locally(stand_ins(code, device="cpu"), lambda: None)
    assert "untouched" in stand_ins.log(3)
