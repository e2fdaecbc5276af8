"""Array jobs on a real SLURM, disturbed in every possible way, make the bytes of a single process."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import UserError
from extract.cluster.slurm import Piece, SlurmSettings, cut, max_array_size, slurm_script, submit_to_slurm
from extract.cluster.submission import Submission
from extract.shards.run_folder import RunFolder

MINUTES = "--time=10"
ONE = Piece(0, (0,), None)
PLAIN = SlurmSettings()


class Array:
    """An array job, with the commands that a user would type to query and disturb it."""

    def __init__(self, environment: dict[str, str], command: Any, out: Path, *options: str) -> None:
        self.environment = environment
        before = f"import os; os.environ['SLURM_CONF'] = {environment['SLURM_CONF']!r}"
        engine = ["--engine", "slurm", "--sbatch", MINUTES, "--device", "cpu", "--workers", "1"]
        self.submitted = command("submit", out, *engine, *options, before=before)
        assert self.submitted.status == 0, self.submitted.stderr
        self.job = self.submitted.stdout.split(":")[0].removeprefix("job ")

    def states(self) -> dict[str, str]:
        """Return the state of each task that is in the queue."""
        lines = self("squeue", "--noheader", "--array", "--jobs", self.job, "--format=%K %T").splitlines()
        return dict(line.split() for line in lines)

    def __call__(self, *words: str) -> str:
        return subprocess.run(words, env=self.environment, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
@pytest.mark.slurm
def test_disturbed_in_every_way(
    slurm: dict[str, str],
    command: Any,
    footage: Path,
    out: Path,
    whole: bytes,
    hold: Any,
    last_clip: Callable[[int], str],
    wait_until: Callable[..., None],
    parent_of: Callable[[str | int], int],
) -> None:
    gates, pids = zip(*(hold(last_clip(shard)) for shard in range(3)), strict=True)
    array = Array(slurm, command, out)
    assert "3 of 3 shards" in array.submitted.stdout

    wait_until(lambda: pids[0]() and pids[1]())  # both are in the middle of their last clip
    decoder = pids[0]()
    os.kill(parent_of(decoder), signal.SIGKILL)
    wait_until(lambda: pids[0]() != decoder)
    assert array.states()["0"] == "RUNNING", "a killed worker is started again in its place"

    array("scancel", f"{array.job}_1")
    wait_until(pids[2])
    assert "1" not in array.states()
    wait_until(lambda: not list(out.parent.rglob("00001/heartbeat.json")))
    assert 1 in RunFolder(out).unfinished()

    array("scontrol", "requeue", f"{array.job}_2")
    wait_until(lambda: array.states()["2"] == "PENDING")

    node = array("sinfo", "--noheader", "--format=%n").strip()
    array("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
    for gate in gates:
        gate.unlink()
    wait_until(lambda: array.states() == {"2": "PENDING"})  # what ran has finished, and nothing is begun
    assert RunFolder(out).unfinished() == [1, 2]
    array("scontrol", "update", f"nodename={node}", "state=resume")
    wait_until(lambda: not array.states())
    assert RunFolder(out).unfinished() == [1] and not out.exists()

    gates[1].touch()
    (footage / "videos" / f"{last_clip(1)}.pid").unlink()
    array = Array(slurm, command, out)
    assert "1 of 3 shards" in array.submitted.stdout
    wait_until(pids[1])
    worker = parent_of(pids[1]())
    os.kill(parent_of(worker), signal.SIGUSR1)  # to the batch script alone: its time is nearly up
    wait_until(lambda: array.states()["1"] == "PENDING")
    gates[1].unlink()
    wait_until(lambda: not array.states())
    assert out.read_bytes() == whole


@pytest.mark.slow
@pytest.mark.slurm
def test_failed_clips_are_no_failed_task(
    slurm: dict[str, str], command: Any, footage: Path, out: Path, whole: bytes, wait_until: Callable[..., None]
) -> None:
    video = footage / "videos" / "c4.avi"
    intact = video.read_bytes()
    video.write_text("not a video")
    array = Array(slurm, command, out)
    wait_until(lambda: not array.states())
    job = array("scontrol", "show", "job", array.job)
    assert job.count("JobState=COMPLETED") == 3, job
    assert out.exists() and out.read_bytes() != whole

    video.write_bytes(intact)
    array = Array(slurm, command, out, "--retry")
    assert "1 of 3 shards" in array.submitted.stdout
    wait_until(lambda: not array.states())
    assert out.read_bytes() == whole


def test_the_script(out: Path) -> None:
    work = Submission(out, (0, 1, 2, 5, 7, 8), 9, at_once=4)
    (piece,) = cut(work, None)
    script = slurm_script(work, piece, SlurmSettings(sbatch="--gres=gpu:1 --time=4:00:00"), Path("/a place"))
    assert "#SBATCH --array=0-2,5,7-8%4\n" in script
    assert "#SBATCH --gres=gpu:1 --time=4:00:00\n" in script
    assert f'#SBATCH --output="{out.parent}/features.h5.run/jobs/slurm-%A_%a.log"\n' in script
    assert "cd '/a place' || exit\n" in script
    assert f"run --out '{out}' --shard \"$SLURM_ARRAY_TASK_ID/9\" &\n" in script
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    assert "#SBATCH \n" not in slurm_script(work, piece, PLAIN, Path())


def test_workers_in_a_container(out: Path) -> None:
    """A container has another Python, and SLURM starts it in the current folder, so the script has no `cd`."""
    script = slurm_script(
        Submission(out, (0,), 1),
        ONE,
        SlurmSettings(container="apptainer exec --bind '/a b' image.sif"),
        Path("/a place"),
    )
    assert f"apptainer exec --bind '/a b' image.sif python -m extract run --out '{out}' --shard" in script
    assert "\ncd " not in script and "/a place" not in script


@pytest.mark.parametrize("name", ["100%.h5", 'a".h5', "a\\b.h5", "a\nb.h5"])
def test_a_name_that_slurm_cannot_write_beside(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="which SLURM cannot take in a log's path"):
        slurm_script(Submission(tmp_path / name, (0,), 1), ONE, PLAIN, Path())


@pytest.mark.parametrize(
    ("shards", "size", "at_once", "pieces"),
    [
        (range(5), None, None, [(0, (0, 1, 2, 3, 4), None)]),
        (range(5), 5, 3, [(0, (0, 1, 2, 3, 4), 3)]),
        (range(5), 4, None, [(0, (0, 1, 2, 3), None), (4, (0,), None)]),
        (range(9), 4, 7, [(0, (0, 1, 2, 3), 3), (4, (0, 1, 2, 3), 2), (8, (0,), 2)]),
        ((1, 9, 11), 4, None, [(0, (1,), None), (8, (1, 3), None)]),
        ((1200,), 1001, 1, [(1001, (199,), 1)]),
    ],
)
def test_no_index_reaches_what_slurm_allows(
    shards: Any, size: int | None, at_once: int | None, pieces: Any, tmp_path: Path
) -> None:
    work = Submission(tmp_path / "f.h5", tuple(shards), max(shards) + 1, at_once=at_once)
    found = cut(work, size)
    assert found == [Piece(*piece) for piece in pieces]
    assert [piece.offset + index for piece in found for index in piece.indexes] == list(shards)
    assert size is None or all(index < size for piece in found for index in piece.indexes)
    assert at_once is None or sum(piece.at_once or 0 for piece in found) == at_once


def test_arrays_that_cannot_be(tmp_path: Path) -> None:
    work = Submission(tmp_path / "f.h5", tuple(range(9)), 9, at_once=2)
    with pytest.raises(UserError, match="3 arrays, .* give --at-once 3 or more, or plan with at most 4 shards"):
        cut(work, 4)
    with pytest.raises(UserError, match="takes no job arrays"):
        cut(work, 0)


@pytest.mark.parametrize(("offset", "shard"), [(0, 199), (1001, 1200)])
def test_the_script_of_a_piece_does_its_shards(offset: int, shard: int, tmp_path: Path) -> None:
    work = Submission(tmp_path / "f.h5", (shard,), 1500)
    script = slurm_script(work, Piece(offset, (199,), None), SlurmSettings(container="echo"), Path())
    assert "#SBATCH --array=199\n" in script
    environment = os.environ | {"SLURM_ARRAY_TASK_ID": "199"}
    done = subprocess.run(["bash"], input=script, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"python -m extract run --out {tmp_path}/f.h5 --shard {shard}/1500\n"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """A function that puts a stand-in for a program first in PATH."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")

    def put(name: str, script: str) -> None:
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)

    return put


@pytest.mark.parametrize(
    ("script", "size"),
    [
        ("echo 'Configuration data'; echo 'MaxArraySize            = 1001'; echo 'MaxJobCount = 7'", 1001),
        ("echo 'MaxArraySize=0'", 0),
        ("echo 'slurm_load_ctl_conf error: Unable to contact slurm controller' >&2; exit 1", None),
    ],
)
def test_slurm_is_asked_how_large_arrays_may_be(
    script: str, size: int | None, programs: Callable[[str, str], None]
) -> None:
    programs("scontrol", script)
    assert max_array_size() == size


def test_more_shards_than_an_array_has_are_several_arrays(
    programs: Callable[[str, str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = Submission(tmp_path / "f.h5", tuple(range(12)), 12)
    programs("scontrol", "echo 'MaxArraySize = 10'")
    programs("sbatch", "basename $2 .sh")
    submit_to_slurm(work, PLAIN, print, dry_run=False)
    said = capsys.readouterr().out
    assert said.startswith("job slurm-0 and slurm-1: 12 of 12 shards;") and "scancel slurm-0 slurm-1\n" in said
    assert "#SBATCH --array=0-9\n" in (work.jobs / "slurm-0.sh").read_text()
    assert "#SBATCH --array=0-1\n" in (work.jobs / "slurm-1.sh").read_text()
    submit_to_slurm(work, PLAIN, print, dry_run=True)
    assert "slurm-0.sh && sbatch --parsable " in capsys.readouterr().out
    programs("sbatch", 'case $2 in *-1.sh) echo "too many jobs" >&2; exit 1;; esac; echo 77')
    with pytest.raises(UserError, match=r"sbatch refuses .*slurm-1\.sh: too many jobs; submitted before: 77"):
        submit_to_slurm(work, PLAIN, print, dry_run=False)
