"""The job files for clusters, compared with what `extract submit` writes; stand-ins play SLURM and the container.

How such a job behaves when it is disturbed is tested with `extract submit` itself.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from extract.cluster.kubernetes import GRACE, Pod, job_manifest
from extract.cluster.slurm import SlurmSettings, cut, slurm_script
from extract.cluster.submission import Submission

DOCKER = Path(__file__).parent.parent.parent / "docker"
IMAGE = "early-recognition:0.1.0"
CONTAINER = "in_container --bind /a%b image.sif"


def read(name: str) -> dict[str, Any]:
    job: dict[str, Any] = yaml.safe_load((DOCKER / "kubernetes" / name).read_text(encoding="utf-8"))
    return job


@pytest.fixture
def pod_of_submit(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `extract submit` writes for the run that extract.yaml is an example of."""
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(os, "getgid", lambda: 1000)
    work = Submission(Path("/out/tsm.h5"), tuple(range(16)), 16, at_once=8)
    return job_manifest(work, Pod(IMAGE, {"/out": "out", "/videos": "videos"}, "", 1, Path("/out/weights")))


def test_the_features_job_is_what_submit_writes(pod_of_submit: dict[str, Any]) -> None:
    assert read("extract.yaml") == pod_of_submit


def test_the_whole_pipeline_runs_as_the_features_do(pod_of_submit: dict[str, Any]) -> None:
    ours, theirs = (job["spec"]["template"]["spec"] for job in (read("reproduce.yaml"), pod_of_submit))
    assert ours["securityContext"] == theirs["securityContext"]
    assert ours["terminationGracePeriodSeconds"] == GRACE
    assert read("reproduce.yaml")["spec"]["podFailurePolicy"] == pod_of_submit["spec"]["podFailurePolicy"]
    [container], [other] = ours["containers"], theirs["containers"]
    assert container["securityContext"] == other["securityContext"]
    assert (container["image"], container["env"][0]) == (IMAGE, other["env"][0])
    assert container["resources"]["limits"] == other["resources"]["limits"]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/tmp", "/videos", "/out"}
    assert container["args"][:2] == ["reproduce", "ucf101"] and "command" not in container


def test_both_find_weights_where_the_image_keeps_them(pod_of_submit: dict[str, Any]) -> None:
    image = re.search(r"\bEARLY_WEIGHTS=(\S+)", (DOCKER / "Dockerfile").read_text(encoding="utf-8"))
    theirs, ours = (
        {variable["name"]: variable.get("value") for variable in container["env"]}
        for job in (pod_of_submit, read("reproduce.yaml"))
        for container in job["spec"]["template"]["spec"]["containers"]
    )
    assert image and theirs["EARLY_WEIGHTS"] == image[1]
    assert ours.get("EARLY_WEIGHTS", image[1]) == image[1], "it is fetched into what the image says"


@pytest.mark.parametrize("name", ["extract.yaml", "reproduce.yaml"])
def test_the_schema(name: str) -> None:
    validator = pytest.importorskip("kubernetes_validate")
    job = read(name)
    validator.validate(job, "1.29.0", strict=True)
    job["spec"]["template"]["spec"]["container"] = []
    with pytest.raises(validator.ValidationError, match="container"):
        validator.validate(job, "1.29.0", strict=True)


def play(folder: Path, name: str, script: str) -> None:
    program = folder / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/bash\n{script}\n")
    program.chmod(0o755)


def run(folder: Path, *words: str, container: str = CONTAINER) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "CONTAINER": container, "SLURM_JOB_ID": "7"}
    return subprocess.run(words, env=environment, capture_output=True, text=True, cwd=folder)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder where the container writes the job that `extract submit` would, and sbatch says what it is given."""
    work = Submission(tmp_path / "tsm.h5", (0, 1, 5), 6)
    work.jobs.mkdir(parents=True)
    (piece,) = cut(work, None)
    script = slurm_script(work, piece, SlurmSettings(sbatch="--gres=gpu:1", container=CONTAINER), Path.cwd())
    (work.jobs / "slurm.sh").write_text(script)
    inside = rf'case "$*" in *--dry-run) echo {work.jobs / "slurm.sh"} is written\; start it ;; *) exit 3 ;; esac'
    play(tmp_path, "in_container", f'echo "$*" >>{tmp_path / "asked"}\n{inside}')
    play(tmp_path, "sbatch", 'cp "$2" handed-in; echo 42')
    return tmp_path


def test_slurm_starts_the_worker_in_the_container(written: Path) -> None:
    done = run(written, str(DOCKER / "slurm" / "submit"), str(written / "tsm.h5"), "--sbatch", "--gres=gpu:1")
    assert done.returncode == 0 and done.stdout.startswith("job 42; progress: in_container"), done.stderr
    asked = (written / "asked").read_text()
    words = f"extract submit {written}/tsm.h5 --sbatch --gres=gpu:1 --engine slurm --container {CONTAINER} --dry-run\n"
    assert asked == f"--bind /a%b image.sif python -m {words}"

    (written / "asked").unlink()
    done = run(written, "bash", str(written / "handed-in"))
    assert done.returncode == 0, "3: done, with clips in the ledger"
    assert (written / "asked").read_text().split() == [
        *CONTAINER.split()[1:],
        *f"python -m extract run --out {written}/tsm.h5 --shard /6".split(),
    ]


def test_slurm_gets_nothing_where_there_is_nothing_to_do_or_something_is_wrong(written: Path) -> None:
    submit = str(DOCKER / "slurm" / "submit")
    play(written, "in_container", "echo 'error: nothing is planned' >&2; exit 1")
    done = run(written, submit, str(written / "tsm.h5"))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "error: nothing is planned\n")
    play(written, "in_container", f"echo '{written}/tsm.h5.run/jobs/slurm.sh is written; start it with: …'")
    assert run(written, submit, str(written / "tsm.h5"), "--dry-run").stdout.startswith(f"{written}/tsm.h5.run/jobs")
    play(written, "sbatch", "echo 'sbatch: error: no such partition' >&2; exit 1")
    done = run(written, submit, str(written / "tsm.h5"))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "sbatch: error: no such partition\n")
    play(written, "in_container", "echo every shard is done already")
    done = run(written, submit, str(written / "tsm.h5"))
    assert (done.returncode, done.stdout) == (0, "every shard is done already\n")
    play(written, "in_container", "echo every shard is done already; echo a table of failed clips >&2; exit 3")
    done = run(written, submit, str(written / "tsm.h5"))
    assert (done.returncode, done.stdout) == (3, "every shard is done already\n")
    assert "what starts a command in the image" in run(written, submit, "/tsm.h5", container="").stderr
    assert not (written / "handed-in").exists()


@pytest.mark.parametrize(
    ("signal", "status", "requeued"), [("USR1", 143, True), ("TERM", 143, False), ("USR1", 0, False)]
)
def test_slurm_ends_and_requeues_the_whole_pipeline(signal: str, status: int, requeued: bool, tmp_path: Path) -> None:
    play(
        tmp_path,
        "in_container",
        f'trap "exit {status}" TERM\necho "$*" >asked\nkill -{signal} $PPID\nsleep 5 >/dev/null 2>&1 & wait',
    )
    play(tmp_path, "scontrol", 'echo "$*" >scontrol-asked')
    done = run(tmp_path, str(DOCKER / "slurm" / "reproduce"), "ucf101", "--videos", "/videos")
    assert done.returncode == (0 if requeued else status), done.stderr
    assert (tmp_path / "asked").read_text().endswith("image.sif reproduce ucf101 --videos /videos\n")
    assert (tmp_path / "scontrol-asked").exists() == requeued
