"""The decode pool: hung and crashed decoders are killed, slow ones are not; stopped, it ends; memory is bounded."""

import itertools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from extract.clip import Clip
from extract.decoding.decode_process import DecodeTask, Failure
from extract.decoding.pool import decode_all
from extract.decoding.shared_buffer import SharedBuffer
from extract.decoding.synthetic_clip import read_number, write_numbered_clip

# Put first on a worker's path, it makes the decoder misbehave on files with a telling name.
SABOTAGE = """
import itertools, os, signal, time
import extract.decoding.decode as decode
from dataclasses import replace
pyav = decode.DECODERS["pyav"]
count, read = pyav.count, pyav.read
def slowly(path, what, steps):
    for step in steps:
        time.sleep(0.25 if what in path.name else 0.05 if "busy" in path.name else 0)
        yield step
def count_badly(path):
    with path.with_suffix(".pids").open("a") as pids: print(os.getpid(), file=pids)
    if "hang" in path.name: time.sleep(600)
    if "segfault" in path.name: os.kill(os.getpid(), signal.SIGSEGV)
    if "exit" in path.name: os._exit(7)
    if "print" in path.name: os.write(1, b"noise from a library")
    if "bug" in path.name: raise ZeroDivisionError("a bug")
    return slowly(path, "count", count(path))
def read_badly(path):
    yield from itertools.islice(slowly(path, "slow", read(path)), 5 if "stuck" in path.name else None)
    if "stuck" in path.name: time.sleep(600)
decode.DECODERS["pyav"] = replace(pyav, count=count_badly, read=read_badly)
"""


@pytest.fixture
def sabotage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(SABOTAGE)
    monkeypatch.syspath_prepend(str(tmp_path / "path"))


def task(path: Path) -> DecodeTask:
    return DecodeTask(path.stem, str(path), 10, 2, "pyav", 0)


def clip_files(folder: Path, names: list[str]) -> list[DecodeTask]:
    for index, name in enumerate(names):
        write_numbered_clip(folder / f"{name}.avi", 20, ((64, 64), (96, 72), (80, 64))[index % 3])
    return [task(folder / f"{name}.avi") for name in names]


def outcomes(tasks: list[DecodeTask], **options: float) -> dict[str, Clip | str]:
    found: dict[str, Clip | str] = {}
    for outcome in decode_all(tasks, workers=2, **{"deadline": 30.0, **options}):  # type: ignore[arg-type]
        name, result = (
            (outcome.clip_id, f"{outcome.stage}: {outcome.reason}") if isinstance(outcome, Failure) else outcome
        )
        assert name not in found
        found[name] = result
    return found


def test_every_clip_comes_back_once_and_whole(tmp_path: Path) -> None:
    tasks = clip_files(tmp_path, [f"c{number}" for number in range(7)])
    found = outcomes(tasks)
    assert sorted(found) == [task.clip_id for task in tasks]
    for clip in found.values():
        assert isinstance(clip, Clip)
        assert [read_number(frame) for frame in clip.content] == list(range(20))


def test_misbehaving_decoders_fail_their_clip_only(tmp_path: Path, sabotage: None) -> None:
    tasks = clip_files(tmp_path, ["a", "hang1", "segfault", "b", "bug", "stuck2", "print", "exit", "c"])
    started = time.monotonic()
    found = outcomes(tasks, deadline=10.0)  # which a decoder's start on a busy machine must not reach
    assert time.monotonic() - started < 300, "two decoders sleep for 600 s"
    assert found["hang1"] == found["stuck2"] == "decode: the decoder hung: killed after 10 s without progress"
    assert found["segfault"] == "decode: the decoder crashed (SIGSEGV)"
    assert found["exit"] == "decode: the decoder crashed (exit status 7)"
    assert found["bug"] == "decode: ZeroDivisionError: a bug"
    assert all(isinstance(found[name], Clip) for name in ("a", "b", "c", "print"))


def test_a_clip_may_take_any_time_that_it_goes_on(tmp_path: Path, sabotage: None) -> None:
    started = time.monotonic()
    found = outcomes(clip_files(tmp_path, ["slow", "count"]), deadline=3.0)
    assert time.monotonic() - started > 4.0, "slow, as it was meant to be"
    for clip in found.values():
        assert isinstance(clip, Clip) and clip.num_frames == 20


@pytest.mark.parametrize(
    "sent", [[signal.SIGKILL], [signal.SIGSTOP], [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT]], ids=str
)
def test_a_signal_to_a_worker_is_not_its_clips_fault(
    tmp_path: Path, sabotage: None, wait_until: Callable[..., None], sent: list[signal.Signals]
) -> None:
    """Killed, it is begun again; stopped for good, it has no progress; of what is sent to a whole job it hears not."""
    (only,) = clip_files(tmp_path, ["busy"])
    pids = tmp_path / "busy.pids"

    def disturb() -> None:
        wait_until(lambda: pids.exists() and pids.read_text())
        for number in sent:
            os.kill(int(pids.read_text()), number)

    thread = threading.Thread(target=disturb)
    thread.start()
    found = outcomes([only], deadline=3.0)["busy"]
    thread.join()
    assert len(pids.read_text().split()) == (2 if signal.SIGKILL in sent else 1)
    if signal.SIGSTOP in sent:
        assert found == "decode: the decoder hung: killed after 3 s without progress"
    else:
        assert isinstance(found, Clip) and found.num_frames == 20


def test_a_clip_whose_workers_are_killed_again_fails(
    tmp_path: Path, sabotage: None, wait_until: Callable[..., None]
) -> None:
    tasks = clip_files(tmp_path, ["busy", "a"])
    pids = tmp_path / "busy.pids"

    def kill() -> None:
        for workers in (1, 2):
            wait_until(lambda workers=workers: pids.exists() and len(pids.read_text().split()) == workers)
            os.kill(int(pids.read_text().split()[-1]), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    found = outcomes(tasks)
    thread.join()
    assert found["busy"] == "decode: the decoder crashed (SIGKILL)"
    assert isinstance(found["a"], Clip)


def test_refused_clips_carry_their_reason(tmp_path: Path) -> None:
    (tmp_path / "text.avi").write_text("text")
    found = outcomes([task(tmp_path / "text.avi"), task(tmp_path / "nothing.avi")])
    assert "not a video" in str(found["text"])
    assert found["nothing"] == "decode: the file does not exist"


def test_tasks_are_taken_only_as_fast_as_clips_are_used(tmp_path: Path) -> None:
    (only,) = clip_files(tmp_path, ["a"])
    taken = itertools.count()
    last = 0

    def endless() -> Iterator[DecodeTask]:
        nonlocal last
        while True:
            last = next(taken)
            yield only

    clips = decode_all(endless(), workers=2, deadline=30, ahead=3)
    next(clips)
    time.sleep(2)
    assert last <= 1 + 3 + 2 * 2  # used, waiting, and in each worker one ready and one under way
    clips.close()


def test_stopped_it_ends_at_once(tmp_path: Path, sabotage: None, wait_until: Callable[..., None]) -> None:
    tasks = clip_files(tmp_path, ["a", "hang1", "hang2"])
    stop, asked = threading.Event(), []

    def ask() -> None:
        wait_until(lambda: all((tmp_path / f"hang{number}.pids").exists() for number in (1, 2)))
        asked.append(time.monotonic())
        stop.set()

    thread = threading.Thread(target=ask)
    thread.start()
    names = [outcome[0] for outcome in decode_all(tasks, workers=2, deadline=600, stop=stop)]  # type: ignore[index]
    assert time.monotonic() - asked[0] < 60, "the two decoders sleep for 600 s"
    thread.join()
    assert names == ["a"]
    assert no_worker_is_left()


def no_worker_is_left() -> bool:
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    left = children.read_text().split() if children.exists() else []
    return not any(b"decode_worker" in Path(f"/proc/{child}/cmdline").read_bytes() for child in left)


def test_leaving_early_ends_workers_at_once(tmp_path: Path, sabotage: None) -> None:
    tasks = clip_files(tmp_path, ["a", "hang1", "hang2"])
    clips = decode_all(tasks, workers=2, deadline=600)
    next(clips)
    started = time.monotonic()
    clips.close()
    assert time.monotonic() - started < 60, "the two decoders sleep for 600 s"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode-")]
    assert no_worker_is_left()


def test_an_error_in_the_task_list_reaches_the_caller() -> None:
    def broken() -> Iterator[DecodeTask]:
        raise RuntimeError("no more")
        yield

    with pytest.raises(RuntimeError, match="no more"):
        list(decode_all(broken(), workers=2, deadline=5))


@pytest.mark.usefixtures("sabotage")
def test_a_process_that_cannot_be_killed_is_left_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that waits in the kernel for a disk that is gone. It keeps its buffer: it may write there yet."""
    kept = []
    wait, close = subprocess.Popen.wait, SharedBuffer.close

    def wait_in_vain(self: "subprocess.Popen[bytes]", timeout: float | None = None) -> int:
        if not kept:
            kept.append(self)
            raise subprocess.TimeoutExpired("decoder", timeout or 0)
        return wait(self, timeout)

    buffers: list[SharedBuffer] = []
    monkeypatch.setattr(SharedBuffer, "close", lambda self: (buffers.append(self), close(self))[1])
    monkeypatch.setattr(subprocess.Popen, "wait", wait_in_vain)
    tasks = clip_files(tmp_path, ["hang0", "good1"])
    found = list(decode_all(tasks, workers=1, deadline=3.0))
    assert found[0] == Failure("hang0", "decode", "the decoder hung: killed after 3 s without progress")
    assert isinstance(found[1], tuple) and read_number(found[1][1].content[-1]) == 19
    (stuck,) = kept
    assert wait(stuck) == -signal.SIGKILL
    assert len(buffers) == 1, "the stuck one's was not closed under it"
