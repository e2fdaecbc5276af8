"""Workers on shards, in any order, stopped, killed or started twice, make the bytes of a single process."""

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from extract.decoding.synthetic_clip import write_numbered_clip
from extract.shards.run_folder import RunFolder
from manifests.manifest import read_manifest

SHARDS = 3


def plan_of(footage: Path, out: Path, shards: int = SHARDS) -> list[str | Path]:
    return [
        "plan",
        footage / "clips.csv",
        "--videos",
        footage / "videos",
        "--out",
        out,
        "--shards",
        str(shards),
        "--quick",
    ]


def worker(out: Path, *options: str) -> list[str | Path]:
    return ["run", "--out", out, "--device", "cpu", "--workers", "2", *options]


@pytest.fixture(scope="module")
def whole(command: Any, drawn_footage: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The cache of one process, without a plan."""
    out = tmp_path_factory.mktemp("whole") / "features.h5"
    clips = ["run", drawn_footage / "clips.csv", "--videos", drawn_footage / "videos"]
    finished = command(*clips, "--out", out, "--quick", "--device", "cpu")
    assert finished.status == 0, finished.stderr
    return out.read_bytes()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "features.h5"


def in_one_sentence(finished: Any) -> str:
    assert finished.status == 1 and "Traceback" not in finished.stderr, finished
    assert re.fullmatch("\n?error: .*\n", finished.stderr), finished.stderr  # a progress bar begins with a new line
    return str(finished.stderr)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_shards_in_any_order_and_the_last_one_makes_the_cache(
    command: Any, drawn_footage: Path, out: Path, order: tuple[int, ...], whole: bytes
) -> None:
    planned = command(*plan_of(drawn_footage, out))
    assert planned.status == 0 and "8 clips in 3 shards" in planned.stdout
    for count, index in enumerate(order, start=1):
        assert not out.exists()
        finished = command(*worker(out, "--shard", f"{index}/{SHARDS}"))
        assert finished.status == 0, finished.stderr
        assert f"shard {index} of {out} is done; {SHARDS - count} are not yet" in finished.stdout
    assert out.read_bytes() == whole
    before = out.stat()
    assert command(*worker(out, "--shard", "1/3")).status == 0
    assert out.stat() == before, "a shard that is done is left as it is"


@pytest.mark.parametrize("variable", ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"])
def test_the_schedulers_index_is_the_shard(command: Any, drawn_footage: Path, out: Path, variable: str) -> None:
    command(*plan_of(drawn_footage, out))
    finished = command(*worker(out), before=f"import os; os.environ[{variable!r}] = '1'")
    assert "shard 1 of" in finished.stdout
    assert RunFolder(out).unfinished() == [0, 2]
    refused = command(*worker(out), before=f"import os; os.environ[{variable!r}] = '3'")
    assert "the scheduler's index is 3, and the shards are 0 to 2" in in_one_sentence(refused)
    finished = command(*worker(out, "--shard", "2/3"), before=f"import os; os.environ[{variable!r}] = '0'")
    assert "shard 2 of" in finished.stdout, "what is typed decides"


def test_without_a_shard_all_are_done_and_without_a_plan_a_shard_makes_it(
    command: Any, drawn_footage: Path, out: Path, whole: bytes
) -> None:
    clips = [drawn_footage / "clips.csv", "--videos", drawn_footage / "videos", "--quick", "--threads", "1"]
    assert command(*worker(out, "--shard", "2/3"), *clips).status == 0
    assert RunFolder(out).plan.shards == 3 and RunFolder(out).unfinished() == [0, 1]
    assert command(*worker(out)).status == 0
    assert out.read_bytes() == whole


def test_more_shards_than_clips(command: Any, drawn_footage: Path, out: Path, whole: bytes) -> None:
    command(*plan_of(drawn_footage, out, shards=20))
    assert command(*worker(out)).status == 0
    assert out.read_bytes() == whole
    assert command(*worker(out, "--shard", "19/20")).status == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_stopped_worker_keeps_what_is_finished(
    command: Any,
    footage: Path,
    out: Path,
    number: signal.Signals,
    wait_until: Callable[..., None],
    hold: Any,
    whole: bytes,
) -> None:
    command(*plan_of(footage, out, shards=1))
    gate, pid = hold("c5")  # in front of it three clips or more have gone to the network
    running = command.start(*worker(out, "--workers", "1"))
    wait_until(pid)
    os.kill(running.pid, number)
    finished = running.wait()
    assert finished.status == 143
    assert finished.stderr.endswith("stopped: what was finished is kept; run the same command to resume\n")
    kept = set(RunFolder(out).done())
    assert {"c0", "c1"} <= kept < {f"c{index}" for index in range(8)}
    assert not out.exists() and not list(out.parent.rglob("heartbeat.json"))

    gate.unlink()
    for clip_id in kept:  # not needed any more
        (footage / "videos" / f"{clip_id}.avi").unlink()
    assert command(*worker(out)).status == 0
    assert out.read_bytes() == whole


def test_a_second_worker_on_a_shard_waits_and_finds_it_done(
    command: Any, footage: Path, out: Path, wait_until: Callable[..., None], hold: Any, whole: bytes
) -> None:
    command(*plan_of(footage, out, shards=2))
    assert command(*worker(out, "--shard", "0/2")).status == 0
    gate, pid = hold(RunFolder(out).clips.query("shard == 1")["clip_id"].iloc[-1])
    first = command.start(*worker(out, "--shard", "1/2"))
    wait_until(pid)
    second = command.start(*worker(out, "--shard", "1/2"))
    wait_until(lambda: (out.parent / "features.h5.run" / "shards" / "00001" / "heartbeat.json").exists())
    beat = json.loads((out.parent / "features.h5.run" / "shards" / "00001" / "heartbeat.json").read_text())
    assert beat["pid"] == first.pid and beat["clips"] == len(RunFolder(out).clips.query("shard == 1"))
    assert "at work on" in in_one_sentence(command("retry", out))  # a person is not kept waiting
    gate.unlink()
    assert first.wait().status == 0 and second.wait().status == 0
    assert len(RunFolder(out).shard(1).done()) == len(RunFolder(out).clips.query("shard == 1"))
    assert out.read_bytes() == whole


def test_more_videos_and_what_is_done_stays_done(command: Any, footage: Path, out: Path, whole: bytes) -> None:
    manifest = footage / "clips.csv"
    every = manifest.read_text()
    few = read_manifest(manifest).clips.iloc[[5, 1, 3, 0, 6]]
    manifest.write_text(few.to_csv(index=False, lineterminator="\n"))
    assert command(*plan_of(footage, out)).status == 0
    assert command(*worker(out)).status == 0
    small = out.read_bytes()

    manifest.write_text(every)
    broken = (footage / "videos" / "c3.avi").read_bytes()
    assert command(*plan_of(footage, out)).status == 0
    assert out.read_bytes() == small and RunFolder(out).unfinished()
    (footage / "videos" / "c3.avi").unlink()  # done, and asked for no more
    assert command(*worker(out)).status == 0
    (footage / "videos" / "c3.avi").write_bytes(broken)
    assert out.read_bytes() == whole

    manifest.write_text(few.to_csv(index=False, lineterminator="\n"))
    planned = command(*plan_of(footage, out))
    assert planned.status == 0 and "list of clips changed: 3 removed (c2, c4, c7); " in planned.stdout
    assert out.read_bytes() == whole
    assert command(*worker(out)).status == 0
    assert out.read_bytes() == small


def test_failed_clips_of_a_shard(command: Any, footage: Path, out: Path, whole: bytes) -> None:
    (footage / "videos" / "c4.avi").write_text("not a video")
    command(*plan_of(footage, out))
    shard = int(RunFolder(out).clips.set_index("clip_id").loc["c4", "shard"])
    statuses = [command(*worker(out, "--shard", f"{index}/3")).status for index in range(3)]
    assert statuses == [3 if index == shard else 0 for index in range(3)]
    assert RunFolder(out).shard(shard).completion()["failed"] == 1
    write_numbered_clip(footage / "videos" / "c4.avi", 24, (96, 72))
    finished = command("retry", out, "--shard", f"{shard}/3")
    assert finished.status == 0, finished.stderr
    assert out.read_bytes() == whole


def flip(path: Path, byte: int = -5) -> None:
    content = bytearray(path.read_bytes())
    content[byte] ^= 1
    path.write_bytes(content)


@pytest.fixture(scope="module")
def finished(command: Any, drawn_footage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run. Not to be changed."""
    out = tmp_path_factory.mktemp("finished") / "out" / "features.h5"
    command(*plan_of(drawn_footage, out))
    assert command(*worker(out)).status == 0 and command("verify", out).status == 0
    return out.parent


@pytest.mark.parametrize("damage", ["part", "record", "no part", "no record", "neither", "cache", "no cache", "folder"])
def test_what_is_damaged_after_all_is_found_and_mended(
    command: Any, finished: Path, out: Path, damage: str, whole: bytes
) -> None:
    shutil.copytree(finished, out.parent)
    shard = RunFolder(out).shard(1).folder
    part, record = shard / "000001.safetensors", shard / "000001.json"
    if damage in ("part", "record"):
        flip(part if damage == "part" else record)
    for path, gone in ((part, ("no part", "neither")), (record, ("no record", "neither"))):
        if damage in gone:
            path.unlink()
    if damage == "cache":
        flip(out, len(whole) // 2)
    if damage == "no cache":
        out.unlink()
    if damage == "folder":
        for path in shard.iterdir():
            path.unlink()
    in_one_sentence(command("verify", out))
    mended = command(*worker(out))
    assert mended.status == 0, mended.stderr
    assert out.read_bytes() == whole
    assert command("verify", out).status == 0


def test_what_cannot_be_is_one_sentence(command: Any, drawn_footage: Path, out: Path) -> None:
    assert "no extraction of" in in_one_sentence(command(*worker(out)))
    assert not out.parent.exists()
    command(*plan_of(drawn_footage, out))
    assert "--backbone is part of the plan" in in_one_sentence(command(*worker(out, "--backbone", "tsm_resnet50")))
    assert "planned with 3 shards; give 1/3" in in_one_sentence(command(*worker(out, "--shard", "1/4")))
    for wrong in ("3/3", "1", "-1/3", "a/b"):
        assert "give I/N with I from 0 to N-1" in in_one_sentence(command(*worker(out, "--shard", wrong)))
    assert "planned with 3 shards, not 4" in in_one_sentence(command(*plan_of(drawn_footage, out, shards=4)))
    other = [*plan_of(drawn_footage, out), "--segments", "5"]
    assert "recipe.segments: 10 there, 5 wanted" in in_one_sentence(command(*other))
    assert "3 shards, not 1" in in_one_sentence(
        command("run", drawn_footage / "clips.csv", "--videos", drawn_footage / "videos", "--out", out, "--quick")
    )


def test_a_plan_that_was_touched_is_noticed(command: Any, drawn_footage: Path, out: Path, whole: bytes) -> None:
    command(*plan_of(drawn_footage, out))
    clips = RunFolder(out).folder / "clips.csv"
    pd.read_csv(clips).assign(shard=0).to_csv(clips, index=False)
    assert "is not what was planned; plan again" in in_one_sentence(command(*worker(out)))
    assert command(*plan_of(drawn_footage, out)).status == 0
    assert command(*worker(out)).status == 0
    assert out.read_bytes() == whole
    (RunFolder(out).folder / "plan.json").write_text("{}")
    assert "plan.json is damaged" in in_one_sentence(command(*worker(out)))
    (RunFolder(out).folder / "plan.json").unlink()
    assert "no extraction of" in in_one_sentence(command(*worker(out)))
    parts = sorted(out.parent.rglob("*.safetensors"))
    assert command(*plan_of(drawn_footage, out)).status == 0
    assert command("merge", out).status == 0
    assert sorted(out.parent.rglob("*.safetensors")) == parts and out.read_bytes() == whole


def test_a_machine_that_lacks_the_videos_fails_no_clip(command: Any, footage: Path, out: Path, whole: bytes) -> None:
    """As on a node whose folder is not mounted: otherwise all clips of a shard would fail."""
    command(*plan_of(footage, out))
    (footage / "videos").rename(footage / "elsewhere")
    refused = in_one_sentence(command(*worker(out, "--shard", "0/3")))
    assert "the video folder" in refused and "is it mounted on" in refused
    assert not list(out.parent.rglob("failures.jsonl"))
    (footage / "elsewhere").rename(footage / "videos")
    assert command(*worker(out)).status == 0
    assert out.read_bytes() == whole


def test_a_slip_of_the_pen_is_told_when_planning(command: Any, drawn_footage: Path, out: Path) -> None:
    for option, value in (("--backbone", "timm:resnet10x"), ("--weights", "randm"), ("--decoder", "ffmpeg")):
        in_one_sentence(command(*plan_of(drawn_footage, out), option, value))
    assert not out.parent.exists()
