"""The status of synthetic runs: every state of a shard, broken records, clocks, and what is printed."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from common.command_line import new_app, run_cli
from common.errors import UserError
from extract.cache_rows import Row
from extract.commands import status as status_module
from extract.decoding.decode_process import Failure
from extract.machine import Machine
from extract.shards.begin_run import begin_run
from extract.shards.clip_lists import shard_sha256
from extract.shards.run_folder import RunFolder
from extract.shards.run_plan import make_run_plan
from extract.shards.shard_folder import ShardFolder
from extract.shards.shard_status import ShardStatus, State
from extract.shards.status import Status, read_status
from extract.shards.status_table import next_step, status_table
from extract.sources.listing import Listing
from manifests.recipes.extraction import Extract

MERGING = "the worker that ended last is making the cache now"
SUBMIT = "python -m extract submit {out}, on a cluster"
HEARTBEAT = {
    "host": "n1",
    "pid": 77,
    "job": "1234_3",
    "clips": 0,
    "done": 0,
    "failed": 0,
    "session_clips": 0,
    "session_seconds": 10.0,
    "quiet_seconds": 0.5,
}


class Run:
    """A planned run, with methods that put its shards into any state."""

    def __init__(self, folder: Path, clips: int = 40, shards: int = 4) -> None:
        self.out = folder / "features.h5"
        names = [f"clip{number}" for number in range(clips)]
        columns = {"clip_id": names, "path": [f"{name}.avi" for name in names], "archive": [""] * clips}
        table = pd.DataFrame({**columns, "frames": 100, "bytes": 0, "offset": 0})
        recipe = Extract(backbone="timm:test_resnet", weights="random")
        plan, self.clips = make_run_plan(
            "clips.csv", Listing(videos="videos", clips=table, fingerprint="f" * 64), recipe, Machine(), shards
        )
        self.folder = RunFolder(self.out)
        begin_run(self.folder, plan, self.clips)

    def ids(self, shard: int) -> list[str]:
        return list(self.clips.loc[self.clips["shard"] == shard, "clip_id"])

    def finish(self, shard: int, clip_ids: list[str]) -> ShardFolder:
        with self.folder.shard(shard) as folder:
            folder.write_part([Row(clip_id, np.zeros((2, 3), np.float32), 9, True) for clip_id in clip_ids])
        return folder

    def fail(self, shard: int, *clip_ids: str, reason: str = "because") -> ShardFolder:
        with self.folder.shard(shard) as folder:
            for clip_id in clip_ids:
                folder.add_failure(Failure(clip_id, "decode", reason))
        return folder

    def complete(self, shard: int, failed: int = 0) -> None:
        """Finish a whole shard; its last `failed` clips have failed."""
        ids = self.ids(shard)
        self.finish(shard, ids[: len(ids) - failed])
        folder = self.fail(shard, *ids[len(ids) - failed :])
        clips = self.clips[self.clips["shard"] == shard]
        folder.complete(shard_sha256(clips), len(ids) - failed, failed)

    def beat(self, shard: int, age: float = 0.0, **signs: Any) -> Path:
        path = self.folder.shard(shard).heartbeat
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(HEARTBEAT | {"clips": len(self.ids(shard))} | signs))
        stamp = path.stat().st_mtime - age
        os.utime(path, (stamp, stamp))
        return path

    def merged(self, done: int) -> None:
        self.out.write_text("a cache")
        record = {"clips_done": done, "fingerprint": self.folder.plan.fingerprint, "sha256": "of the cache"}
        (self.folder.folder / "merged.json").write_text(json.dumps(record))

    def states(self) -> list[State]:
        return [shard.state for shard in read_status(self.out).shards]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_nothing_begun(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no extraction of .*features\.h5 was begun; .* begins one"):
        read_status(tmp_path / "features.h5")
    assert not list(tmp_path.iterdir())


def test_planned_only(run: Run) -> None:
    found = read_status(run.out)
    assert [shard.state for shard in found.shards] == ["waiting"] * 4
    assert (found.clips, found.done, found.failed, found.missing) == (40, 0, 0, 40)
    assert (found.clips_per_second, found.seconds_left, found.merged, found.complete) == (0, None, False, False)
    assert sum(shard.clips for shard in found.shards) == 40


def test_every_state_at_once(run: Run) -> None:
    run.complete(0, failed=2)
    run.finish(1, run.ids(1)[:3])
    run.fail(1, run.ids(1)[4])
    run.beat(2, age=10, done=4, failed=1, session_clips=3, session_seconds=6.0, quiet_seconds=2.0)
    found = read_status(run.out)
    sizes = [len(run.ids(shard)) for shard in range(4)]
    assert found.shards[0] == ShardStatus(0, "complete", sizes[0], sizes[0] - 2, 2, 0)
    assert found.shards[1] == ShardStatus(1, "stopped", sizes[1], 3, 1, sizes[1] - 4)
    at_work = found.shards[2]
    assert (at_work.state, at_work.done, at_work.failed, at_work.missing) == ("running", 4, 1, sizes[2] - 5)
    assert (at_work.host, at_work.job, at_work.clips_per_second) == ("n1", "1234_3", 0.5)
    assert at_work.quiet_seconds == pytest.approx(12, abs=1)  # the heartbeat's, and its age
    assert found.shards[3] == ShardStatus(3, "waiting", sizes[3], 0, 0, sizes[3])
    assert (found.done, found.failed) == (sizes[0] - 2 + 3 + 4, 4)
    assert found.done + found.failed + found.missing == found.clips == 40
    assert found.seconds_left == found.missing / 0.5


def test_the_pace_is_that_of_all_workers_at_work(run: Run) -> None:
    run.beat(0, session_clips=4, session_seconds=2.0)
    run.beat(1, session_clips=3, session_seconds=1.0)
    run.beat(2, session_clips=0, session_seconds=0.0)  # just begun
    run.beat(3, age=3600, session_clips=1000, session_seconds=1.0)  # dead
    found = read_status(run.out)
    assert found.clips_per_second == 5
    assert found.seconds_left == 8
    assert run.states() == ["running", "running", "running", "stopped"]


def test_a_dead_worker_left_what_it_wrote_down_and_its_name(run: Run) -> None:
    run.finish(1, run.ids(1)[:2])
    run.beat(1, age=61, done=7, host="n9")
    shard = read_status(run.out).shards[1]
    assert (shard.state, shard.done, shard.host) == ("stopped", 2, "n9")
    assert (shard.clips_per_second, shard.quiet_seconds) == (0, None)


def test_a_second_attempt_counts_a_failed_clip_once(run: Run) -> None:
    """While `retry` runs, the heartbeat counts a clip that fails again twice."""
    clips = len(run.ids(1))
    run.beat(1, done=clips - 2, failed=5, session_clips=4)
    run.beat(2, done=99, failed=1)
    found = read_status(run.out)
    assert (found.shards[1].done, found.shards[1].failed, found.shards[1].missing) == (clips - 2, 2, 0)
    assert (found.shards[2].done, found.shards[2].failed) == (len(run.ids(2)), 0)


def test_no_time_is_left_where_nothing_is_missing(tmp_path: Path) -> None:
    run = Run(tmp_path, shards=1)
    run.beat(0, done=35, failed=5, session_clips=4)
    found = read_status(run.out)
    assert (found.clips_per_second, found.seconds_left) == (0.4, None)
    assert "0.4 clips/s\n" in printed(found)


def test_a_lock_alone_is_no_beginning(run: Run) -> None:
    with run.folder.shard(1):
        pass
    assert run.folder.shard(1).folder.is_dir()
    assert run.states()[1] == "waiting"


def test_completion_counts_for_the_clips_it_was_made_for(run: Run) -> None:
    run.complete(1)
    assert run.states()[1] == "complete"
    folder = run.folder.shard(1)
    folder.complete("0" * 64, len(run.ids(1)), 0)
    run.beat(1, age=100)
    assert run.states()[1] == "stopped"
    shard = read_status(run.out).shards[1]
    assert (shard.done, shard.missing) == (shard.clips, 0)


def test_a_shard_without_clips_is_complete(tmp_path: Path) -> None:
    run = Run(tmp_path, clips=2, shards=16)
    found = read_status(run.out)
    assert len(found.shards) == 16
    assert {shard.state for shard in found.shards if not shard.clips} == {"complete"}
    assert found.count("waiting") == sum(shard.clips > 0 for shard in found.shards) > 0


def test_clips_that_succeeded_later_have_not_failed(run: Run) -> None:
    ids = run.ids(0)
    run.fail(0, *ids[:3], reason="first")
    run.fail(0, ids[1], reason="again")
    run.finish(0, ids[2:])
    for _ in range(2):
        found = read_status(run.out)
        assert (found.shards[0].failed, found.shards[0].done) == (2, len(ids) - 2)
        assert {(reason.clips, reason.reason, reason.example) for reason in found.reasons} == {
            (1, "first", ids[0]),
            (1, "again", ids[1]),
        }
        run.folder.shard(0).complete(shard_sha256(run.clips[run.clips["shard"] == 0]), len(ids) - 2, 2)


def test_a_clip_that_is_not_of_the_shard_any_more_does_not_count(run: Run) -> None:
    run.finish(0, [*run.ids(0)[:2], "moved"])
    run.fail(0, "gone")
    shard = read_status(run.out).shards[0]
    assert (shard.done, shard.failed, shard.missing) == (2, 0, shard.clips - 2)


def test_the_most_frequent_reasons(run: Run) -> None:
    ids = [(shard, clip_id) for shard in range(4) for clip_id in run.ids(shard)]
    for count in range(1, 8):
        for shard, clip_id in ids[:count]:
            run.fail(shard, clip_id, reason=f"reason {count}")
        ids = ids[count:]
    found = read_status(run.out)
    assert [(reason.clips, reason.reason, reason.stage) for reason in found.reasons] == [
        (count, f"reason {count}", "decode") for count in range(7, 2, -1)
    ]
    assert (found.failed, found.other_reasons) == (28, 2)
    assert "… and 2 more reasons of 3 clips; all are in features.h5.run/shards/*/failures.jsonl" in " ".join(
        printed(found).split()
    )
    assert "more reason" not in printed(replace(found, other_reasons=0))


@pytest.mark.parametrize(("age", "state"), [(-59, "running"), (59, "running"), (-3600, "stopped"), (3600, "stopped")])
def test_age_is_by_the_clock_of_the_file_system(
    run: Run, monkeypatch: pytest.MonkeyPatch, age: float, state: State
) -> None:
    """Also a heartbeat from the future: its worker died before a clock was put back."""
    monkeypatch.setattr(time, "time", lambda: 12345.0)  # this machine's clock is wrong
    run.beat(2, age=age)
    assert run.states()[2] == state


def test_looking_leaves_nothing_behind(run: Run) -> None:
    run.finish(0, run.ids(0)[:1])
    before = sorted(run.out.parent.rglob("*"))
    read_status(run.out)
    assert sorted(run.out.parent.rglob("*")) == before


def test_a_folder_that_cannot_be_written_is_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: object) -> None:
        raise OSError(30, "Read-only file system")

    run.beat(0, age=0)
    run.beat(1, age=3600)
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert run.states()[:2] == ["running", "stopped"]


DAMAGED = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"7",
    b'"text"',
    b"{}",
    b"\xff\xfe",
    b'{"clip_id": ["clip0"]',
    b'{"done": "many", "failed": null, "clips_sha256": 3}',
]


@pytest.mark.parametrize("content", DAMAGED)
@pytest.mark.parametrize("name", ["heartbeat.json", "complete.json", "000001.json", "failures.jsonl"])
def test_damaged_records_count_as_absent(run: Run, name: str, content: bytes) -> None:
    run.complete(1, failed=1)
    folder = run.folder.shard(1).folder
    (folder / "complete.json").unlink()
    run.beat(1, age=100)
    stamp = (folder / "heartbeat.json").stat().st_mtime
    (folder / name).write_bytes(content)
    os.utime(folder / "heartbeat.json", (stamp, stamp))
    shard = read_status(run.out).shards[1]
    assert shard.state == "stopped"
    assert shard.done == (0 if name == "000001.json" else shard.clips - 1)
    assert shard.failed == (name != "failures.jsonl")
    assert (shard.host == "") == (name == "heartbeat.json")


@pytest.mark.parametrize("content", DAMAGED)
def test_a_fresh_heartbeat_that_is_torn_is_a_sign_of_life(run: Run, content: bytes) -> None:
    run.finish(1, run.ids(1)[:2])
    run.beat(1).write_bytes(content)
    shard = read_status(run.out).shards[1]
    assert (shard.state, shard.done, shard.quiet_seconds) == ("running", 2, None)


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_record_of_merging(run: Run, content: bytes) -> None:
    run.merged(done=0)
    assert read_status(run.out).merged
    (run.folder.folder / "merged.json").write_bytes(content)
    assert not read_status(run.out).merged


def test_merged_is_there_and_holds_everything_that_is_done(run: Run) -> None:
    for shard in range(4):
        run.complete(shard, failed=1)
    assert read_status(run.out).complete and not read_status(run.out).merged
    run.merged(done=36)
    assert read_status(run.out).merged
    run.merged(done=35)  # one came after
    assert not read_status(run.out).merged
    run.merged(done=36)
    run.out.unlink()
    assert not read_status(run.out).merged


@pytest.fixture(scope="module")
def busy_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("busy"))
    run.complete(0, failed=2)
    run.finish(1, run.ids(1)[:3])
    run.fail(1, run.ids(1)[4])
    run.beat(1, age=100)
    run.beat(2, done=4, failed=1, session_clips=3)
    run.merged(done=5)
    return run


@given(chance=st.data())
def test_flipped_bytes_and_cuts_anywhere_raise_nothing(
    busy_run: Run, tmp_path_factory: pytest.TempPathFactory, chance: st.DataObject
) -> None:
    out = tmp_path_factory.mktemp("damaged") / "features.h5"
    folder = Path(shutil.copytree(busy_run.folder.folder, RunFolder(out).folder))
    records = sorted(path for path in folder.rglob("*.json*") if path.name != "plan.json" and path.stat().st_size)
    path = chance.draw(st.sampled_from(records))
    content = bytearray(path.read_bytes())
    for place in chance.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = chance.draw(st.integers(0, 255))
    path.write_bytes(content[: chance.draw(st.integers(0, len(content)))])
    found = read_status(out)
    assert json.loads(json.dumps(asdict(found), allow_nan=False))["clips"] == 40
    for shard in found.shards:
        assert shard.done + shard.failed + shard.missing == shard.clips
        assert min(shard.done, shard.failed, shard.missing, shard.clips_per_second) >= 0
    assert printed(found, out)


def printed(found: Status, out: Path = Path("features.h5"), width: int = 80) -> str:
    console = Console(width=width, markup=False, color_system=None)
    with console.capture() as capture:
        console.print(status_table(found, out))
    return capture.get()


def test_what_is_printed(run: Run) -> None:
    run.complete(0, failed=2)
    run.finish(1, run.ids(1)[:3])
    run.beat(2, done=4, session_clips=3, session_seconds=6.0, host="[red]n1")
    text = printed(read_status(run.out), width=100)
    assert "features.h5: 4 shards (1 stopped, 1 running, 1 waiting, 1 complete)\n" in text
    assert "40 clips: " in text and ", 2 failed, " in text
    assert "0.5 clips/s, " in text
    assert "[red]n1 1234_3" in text
    assert [line.split()[1] for line in text.splitlines() if "│" in line and line.split()[1].isdecimal()] == [
        "1",  # stopped: worth the first look
        "2",
        "0",  # complete, with failures
        "2",  # of why clips failed
    ]
    assert "because" in text and run.ids(0)[-2] in text


def test_a_thousand_complete_shards_are_one_number() -> None:
    shards = [ShardStatus(number, "complete", 10, 10, 0, 0) for number in range(1000)]
    text = printed(Status(10_000, 10_000, 0, 0, 0.0, None, True, [], shards))
    assert "features.h5: 1000 shards (1000 complete); merged" in text
    assert len(text.splitlines()) == 2
    busy = [ShardStatus(number, "running", 10, 5, 0, 5, quiet_seconds=float(number)) for number in range(30)]
    text = printed(Status(300, 150, 0, 150, 3.0, 50.0, False, [], busy))
    assert "… and 10 more" in text
    assert "│    29 │" in text and "│     9 │" not in text  # the quietest are shown


@pytest.mark.parametrize(
    ("states", "merged", "failed", "said"),
    [
        (["complete", "complete"], True, 0, "nothing; python -m extract verify features.h5 checks the cache"),
        (["complete", "complete"], True, 1, "python -m extract retry features.h5 takes"),
        (["complete", "complete"], False, 1, "python -m extract merge features.h5, unless"),
        (["complete", "complete"], False, 20, "python -m extract retry features.h5 takes"),
        (["complete", "waiting"], False, 0, "python -m extract run --out features.h5 resumes"),
        (["complete", "stopped"], False, 0, "python -m extract run --out features.h5 resumes"),
        (["running", "stopped"], False, 0, "python -m extract run --out features.h5 --shard 1/2 resumes"),
        (["running", "waiting"], False, 0, "nothing; python -m extract status features.h5 --watch"),
    ],
)
def test_what_to_type_next(states: list[State], merged: bool, failed: int, said: str) -> None:
    shards = [ShardStatus(number, state, 10, 1, 0, 9) for number, state in enumerate(states)]
    found = Status(20, 20 - failed, failed, 0, 0.0, None, merged, [], shards)
    assert next_step(found, Path("features.h5")).startswith(said)
    assert "'my features.h5'" in next_step(found, Path("my features.h5"))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (99, "99 s"),
        (100, "2 min"),
        (3540, "59 min"),
        (3590, "1 h 0 min"),
        (7499, "2 h 5 min"),
        (172_000, "47 h 47 min"),
        (200_000, "2.3 days"),
    ],
)
def test_times_are_readable(seconds: float, said: str) -> None:
    shards = [ShardStatus(0, "running", 10, 0, 0, 10)]
    text = printed(Status(10, 0, 0, 10, 10 / (seconds or 1), seconds, False, [], shards))
    assert text.startswith("features.h5: 1 shard (1 running)\n")
    assert f" clips/s, {said} left\n" in text


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that runs the command and returns its status, what it printed, and its errors."""
    app = new_app("The command under test.")
    app.command()(status_module.status)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["status", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            run_cli(app)
        assert isinstance(end.value.code, int)
        return end.value.code, *capsys.readouterr()

    return run


def test_the_command(run: Run, command: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    run.complete(0)
    status, said, errors = command(run.out)
    assert (status, errors) == (0, "")
    assert said.startswith("features.h5: 4 shards (3 waiting, 1 complete)\n")
    assert said.endswith(f"\nnext: python -m extract run --out {run.out} resumes here; {SUBMIT.format(out=run.out)}\n")
    status, said, errors = command(run.out, "--json")
    assert (status, errors) == (0, "")
    assert json.loads(said) == asdict(read_status(run.out))
    status, said, errors = command(tmp_path / "other.h5")
    assert (status, said) == (1, "")
    assert errors.startswith("error: no extraction of ") and errors.count("\n") == 1
    status, said, errors = command(run.out, "--json", "--watch")
    assert (status, said) == (1, "") and "give one of them" in errors


def test_watching_ends_when_every_shard_is_complete(
    run: Run, command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = list(range(4))
    monkeypatch.setattr(status_module.time, "sleep", lambda seconds: run.complete(missing.pop()))
    status, said, errors = command(run.out, "--watch")
    assert (status, errors, missing) == (0, "", [])
    assert said.startswith("features.h5: 4 shards (4 complete)\n")
    assert said.endswith(f" missing\nnext: python -m extract merge {run.out}, unless {MERGING}\n")


def test_watching_is_left_by_ctrl_c(
    run: Run, command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(status_module.time, "sleep", interrupt)
    status, said, errors = command(run.out, "--watch")
    assert status == 130
    assert "4 shards (4 waiting)" in said and errors == "", "nothing was at work here that could go on"
