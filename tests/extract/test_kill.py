"""The command line, killed at the worst moments or interrupted, makes the same bytes when it is run again."""

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import UserError
from extract.cache import read_cache
from extract.decoding.synthetic_clip import write_numbered_clip
from extract.shards.run_folder import RunFolder

# Parts of 3 clips, and the end of the process at the first call of a function with telling arguments.
KILL_AT = """
import importlib, os, signal
import extract.shards.shard_worker
extract.shards.shard_worker.PART_CLIPS, extract.shards.shard_worker.FIRST_PART_SECONDS = 3, 60
module = importlib.import_module({module!r})
original = getattr(module, {function!r})
def killed(*arguments):
    if {telling!r} in str(arguments):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
setattr(module, {function!r}, killed)
"""


@pytest.fixture(scope="module")
def whole(command: Any, drawn_footage: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The cache of a run without interruption."""
    out = tmp_path_factory.mktemp("whole") / "features.h5"
    finished = command(*run_of(drawn_footage, out))
    assert finished.status == 0, finished.stderr
    return out.read_bytes()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "features.h5"


def run_of(footage: Path, out: Path, workers: int = 2) -> list[str | Path]:
    videos = ["--videos", footage / "videos", "--out", out]
    return ["run", footage / "clips.csv", *videos, "--quick", "--device", "cpu", "--workers", str(workers)]


def is_gone(pid: str) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()  # a zombie waits for init to reap it
    except (FileNotFoundError, ProcessLookupError):
        return True


def in_one_sentence(finished: Any) -> str:
    assert finished.status == 1, finished
    assert re.fullmatch("\n?error: .*\n", finished.stderr), finished.stderr
    return finished.stderr


def test_killed_at_any_moment_the_same_bytes_come_out(
    command: Any, drawn_footage: Path, out: Path, whole: bytes
) -> None:
    moments = [
        ("common.files", "_fsync", ".clips.csv."),  # nothing but the list of clips, and that not renamed yet
        ("common.files", "_fsync", ".plan.json."),  # the list of clips, but no plan
        ("common.files", "_fsync", ".settings.json."),  # the plan, but no settings
        ("common.files", "_fsync", ".000001.safetensors."),  # the first part written, not renamed
        ("extract.shards.shard_folder", "sha256_of", "000001.safetensors"),  # the first part there, and no record
        ("common.files", "_fsync", ".000001.json."),  # the record written, not renamed
        ("common.files", "_fsync", ".000002.json."),  # the first part done, the second one without its record
        ("common.files", "_fsync", ".complete.json."),  # every part done, and no note of it
        ("extract.cache_rows", "_digest_row", "clip_id='c5'"),  # in the middle of writing the HDF5
        ("common.files", "_fsync", ".features.h5."),  # the HDF5 whole under its temporary name
        ("extract.shards.merge", "write_text", "merged.json"),  # the HDF5 in its place, no record of it
    ]
    leftovers = 0
    for module, function, telling in moments:
        assert not out.exists()
        before = KILL_AT.format(module=module, function=function, telling=telling)
        killed = command(*run_of(drawn_footage, out), before=before)
        assert killed.status == -signal.SIGKILL, (telling, killed)
        for leftover in out.parent.rglob("*.tmp"):
            leftover.write_bytes(b"if anyone reads this, the result is wrong")
            leftovers += 1
    assert out.read_bytes() == whole
    assert leftovers >= 5, "the temporary files of the killed"
    finished = command(*run_of(drawn_footage, out))
    assert finished.status == 0, finished.stderr
    assert out.read_bytes() == whole
    assert not list(out.parent.rglob("*.tmp"))
    assert command("verify", out).status == 0


@pytest.mark.parametrize("for_real", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_killed_while_decoding(
    command: Any,
    footage: Path,
    out: Path,
    whole: bytes,
    wait_until: Callable[..., None],
    hold: Any,
    for_real: bool,
) -> None:
    gates, pids = zip(*(hold(clip_id) for clip_id in ("c3", "c6")), strict=True)
    start = command.start_for_real if for_real else command.start
    running = start(*run_of(footage, out))
    wait_until(lambda: all(pid() for pid in pids))
    assert not any(is_gone(pid()) for pid in pids)
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait().status == -signal.SIGKILL
    wait_until(lambda: all(is_gone(pid()) for pid in pids), 5.0)
    assert not out.exists()

    for gate in gates:
        gate.unlink()
    assert command(*run_of(footage, out)).status == 0
    assert out.read_bytes() == whole


@pytest.mark.parametrize("for_real", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_ctrl_c_keeps_what_is_finished(
    command: Any,
    footage: Path,
    out: Path,
    whole: bytes,
    wait_until: Callable[..., None],
    hold: Any,
    for_real: bool,
) -> None:
    gate, pid = hold("c5")  # two decoded clips wait at most, so three have gone to the network by then
    start = command.start_for_real if for_real else command.start
    running = start(*run_of(footage, out, workers=1))
    wait_until(pid)
    os.killpg(running.pid, signal.SIGINT)
    finished = running.wait()
    assert finished.status == 130
    assert finished.stderr.endswith("interrupted: what was finished is kept; run the same command to resume\n")
    assert "Traceback" not in finished.stderr
    wait_until(lambda: is_gone(pid()), 5.0)
    assert not out.exists()
    assert {"c0", "c1"} <= set(RunFolder(out).done()) <= {"c0", "c1", "c2", "c3", "c4"}

    gate.unlink()
    for clip_id in RunFolder(out).done():  # not needed any more
        (footage / "videos" / f"{clip_id}.avi").unlink()
    assert command(*run_of(footage, out)).status == 0
    assert out.read_bytes() == whole


def test_two_processes_on_one_output(
    command: Any, footage: Path, out: Path, whole: bytes, wait_until: Callable[..., None], hold: Any
) -> None:
    gate, pid = hold("c2")
    first = command.start(*run_of(footage, out))
    wait_until(pid)
    for arguments in (run_of(footage, out), ["retry", out]):
        assert "another process is at work" in in_one_sentence(command(*arguments))
    assert "are not extracted yet" in in_one_sentence(command("merge", out))
    gate.unlink()
    assert first.wait().status == 0
    assert out.read_bytes() == whole


def test_failed_clips_make_status_3_and_a_table(command: Any, footage: Path, out: Path, whole: bytes) -> None:
    (footage / "videos" / "c1.avi").write_text("not a video")
    (footage / "videos" / "c4.avi").unlink()
    for arguments, attempt in ((run_of(footage, out), 1), (run_of(footage, out), 1), (["retry", out], 2)):
        finished = command(*arguments)
        assert finished.status == 3
        assert "6 of 8 clips" in finished.stdout and "2 clips failed" in finished.stdout
        assert "failures.jsonl" in finished.stdout
        assert re.search(rf"c1 .*decode .*not a video that can be opened.* {attempt} ", finished.stderr)
        assert re.search(rf"c4 .*decode .*the file does not exist.* {attempt} ", finished.stderr)
    assert command("verify", out).stdout.startswith(f"{out}: 6 of 8 clips valid")

    write_numbered_clip(footage / "videos" / "c1.avi", 15, (64, 64))
    write_numbered_clip(footage / "videos" / "c4.avi", 24, (96, 72))
    finished = command("retry", out)
    assert finished.status == 0 and "8 of 8 clips" in finished.stdout
    assert out.read_bytes() == whole


def test_verify_and_merge(command: Any, drawn_footage: Path, out: Path, whole: bytes) -> None:
    assert command(*run_of(drawn_footage, out)).status == 0
    facts = json.loads(command("verify", out, "--json").stdout)
    assert (facts["clips"], facts["valid"], facts["segments"], facts["damaged_parts"]) == (8, 8, 10, [])
    assert facts["content_sha256"] == read_cache(out).content_sha256

    damaged = bytearray(whole)
    damaged[whole.index(read_cache(out).features[3].tobytes())] ^= 1
    out.write_bytes(damaged)
    assert "is damaged" in in_one_sentence(command("verify", out))
    out.write_bytes(whole[:5000])
    assert "not a whole feature cache" in in_one_sentence(command("verify", out))
    out.unlink()
    assert "no feature cache" in in_one_sentence(command("verify", out))
    assert command("merge", out).status == 0
    assert out.read_bytes() == whole

    part = RunFolder(out).folder / "shards" / "00000" / "000001.safetensors"
    part.write_bytes(part.read_bytes()[:-1] + b"!")
    assert "parts shards/00000/000001.json are damaged; `python -m extract run --out" in in_one_sentence(
        command("verify", out)
    )
    out.unlink()
    assert "1 parts in" in in_one_sentence(command("merge", out))
    assert command(*run_of(drawn_footage, out)).status == 0
    assert command("verify", out).status == 0
    assert out.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("--weights", "tsm-r50-9f-kinetics400"), "tsm-r50-9f-kinetics400"),
        (("--weights", "tsm-r50-8f-kinetics400"), "belong to the backbone tsm_resnet50, not to timm:test_resnet"),
        (("--backbone", "tsm_resnet5"), "there is no backbone tsm_resnet5; near are"),
        (("--precision", "fp8"), "precision"),
        (("--segments", "0"), "segments"),
        (("--decoder", "ffmpeg"), "no decoder 'ffmpeg'"),
        (("--device", "abacus"), "no device 'abacus'"),
        (("--device", "cuda:99"), "cuda:99"),
        (("--videos", "nowhere"), "the video folder nowhere does not exist"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    command: Any, drawn_footage: Path, out: Path, change: tuple[str, str], sentence: str
) -> None:
    assert sentence in in_one_sentence(command(*run_of(drawn_footage, out), *change))
    assert not out.parent.exists()


def test_manifests_and_outputs_that_are_not_there(command: Any, footage: Path, out: Path) -> None:
    assert "clips.csv does not exist; give a manifest" in in_one_sentence(
        command(*run_of(footage.with_name("nowhere"), out))
    )
    for arguments in (["retry", out], ["merge", out]):
        assert "no extraction of" in in_one_sentence(command(*arguments))
    with pytest.raises(UserError, match="no feature cache"):
        read_cache(out)


def test_wrong_usage_has_the_status_of_wrong_usage(command: Any, footage: Path, out: Path) -> None:
    finished = command(*run_of(footage, out, workers=0))
    assert finished.status == 2
    assert "--workers" in finished.stderr and "Traceback" not in finished.stderr
