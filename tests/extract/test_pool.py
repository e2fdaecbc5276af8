"""The decode pool: order does not matter, hung and crashed decoders are killed, memory ahead is bounded."""

import itertools
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from extract.clip import Clip
from extract.numbered_clip import read_number, write_numbered_clip
from extract.pool import DecodeTask, Failure, decode_all

# Put first on a worker's path, it makes the decoder misbehave on files with a telling name.
SABOTAGE = """
import os, time
import extract.decode as decode
promise, read = decode.DECODERS["pyav"]
def sabotaged(path):
    if "hang" in path.name: time.sleep(600)
    if "segfault" in path.name: os.kill(os.getpid(), 11)
    if "print" in path.name: os.write(1, b"noise from a library")
    if "bug" in path.name: raise ZeroDivisionError("a bug")
    return promise(path)
decode.DECODERS["pyav"] = (sabotaged, read)
"""


@pytest.fixture
def sabotage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(SABOTAGE)
    monkeypatch.syspath_prepend(str(tmp_path / "path"))


def task(path: Path) -> DecodeTask:
    return DecodeTask(path.stem, str(path), 10, 2, "pyav", 0)


def clip_files(folder: Path, names: list[str]) -> list[DecodeTask]:
    for name in names:
        write_numbered_clip(folder / f"{name}.avi", 20, (64, 64))
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
    tasks = clip_files(tmp_path, ["a", "hang1", "segfault", "b", "bug", "hang2", "print", "c"])
    started = time.monotonic()
    found = outcomes(tasks, deadline=3.0)
    assert time.monotonic() - started < 60
    assert found["hang1"] == found["hang2"] == "decode: the decoder hung: killed after 3 s"
    assert found["segfault"] == "decode: the decoder crashed (exit status -11)"
    assert found["bug"] == "decode: ZeroDivisionError: a bug"
    assert all(isinstance(found[name], Clip) for name in ("a", "b", "c", "print"))


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


def test_leaving_early_ends_workers_at_once(tmp_path: Path, sabotage: None) -> None:
    tasks = clip_files(tmp_path, ["a", "hang1", "hang2"])
    clips = decode_all(tasks, workers=2, deadline=600)
    next(clips)
    started = time.monotonic()
    clips.close()
    assert time.monotonic() - started < 10
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode-")]
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if children.exists():
        for child in children.read_text().split():
            assert b"decode_worker" not in Path(f"/proc/{child}/cmdline").read_bytes()


def test_an_error_in_the_task_list_reaches_the_caller() -> None:
    def broken() -> Iterator[DecodeTask]:
        raise RuntimeError("no more")
        yield

    with pytest.raises(RuntimeError, match="no more"):
        list(decode_all(broken(), workers=2, deadline=5))
