"""The Indexed Job against Kubernetes' published schema, and its container's command run as a pod would run it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.errors import UserError
from extract.cluster.kubernetes import KubernetesSettings, Pod, job_manifest, submit_to_kubernetes
from extract.cluster.submission import Submission, SubmitConfig, prepare_submission
from extract.networks.weights import weights_folder
from extract.shards.checked_json import dump_checked
from extract.shards.run_folder import RunFolder
from extract.shards.run_plan import RunPlan

KUBERNETES = ["--engine", "kubernetes", "--image", "ours:1", "--workers", "1", "--dry-run"]
NAMED = "tsm-r50-8f-kinetics400"


def written(out: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load((out.parent / "features.h5.run" / "jobs" / "kubernetes.yaml").read_text())
    return manifest


def settings(image: str, volume: list[str], gpus: float = 0) -> KubernetesSettings:
    return KubernetesSettings(image=image, volume=volume, gpus_per_shard=gpus)


def pod(manifest: dict[str, Any], index: int, environment: dict[str, str]) -> "subprocess.Popen[str]":
    """Start the command of an index's container, with this Python instead of the image's."""
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = environment | {"JOB_COMPLETION_INDEX": str(index), "JOB_NAME": "extract-abc", "PATH": path}
    return subprocess.Popen(
        container["command"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
    )


@pytest.mark.parametrize("gpus", [0, 2])
@pytest.mark.parametrize("version", ["1.29.0", "1.31.0", "1.37.0"])
def test_the_schema(version: str, gpus: int, tmp_path: Path) -> None:
    validator = pytest.importorskip("kubernetes_validate")
    work = Submission(tmp_path / "features.h5", (0, 1, 5), 6, at_once=2)
    mounts = {"/data": "videos", "/features": "features"}
    manifest = yaml.safe_load(
        yaml.safe_dump(job_manifest(work, Pod("ours:1", mounts, "vision", gpus, Path("/data/w"))))
    )
    validator.validate(manifest, version, strict=True)
    manifest["spec"]["completionMod"] = "Indexed"
    with pytest.raises(validator.ValidationError, match="completionMod"):
        validator.validate(manifest, version, strict=True)


def test_what_the_job_asks_for(tmp_path: Path) -> None:
    work = Submission(tmp_path / "features.h5", tuple(range(3, 43)), 50, device="cuda")
    manifest = job_manifest(work, Pod("ours:1", {"/data": "videos"}, gpus=1))
    spec, template = manifest["spec"], manifest["spec"]["template"]["spec"]
    assert (spec["completions"], spec["parallelism"], spec["maxFailedIndexes"]) == (40, 40, 4)
    assert "namespace" not in manifest["metadata"]
    assert template["securityContext"]["runAsNonRoot"] and template["securityContext"]["runAsUser"] > 0
    assert {volume["name"] for volume in template["volumes"]} == {"scratch", "volume-0"}
    [container] = template["containers"]
    assert container["resources"] == {"requests": {"cpu": "8"}, "limits": {"nvidia.com/gpu": "1"}}
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/tmp", "/data"}
    assert [variable["name"] for variable in container["env"]] == ["HOME", "JOB_NAME"]
    assert "--device cuda --workers 8 --shard" in container["command"][-1], "what a container asks for it does not see"
    few = job_manifest(Submission(tmp_path / "f.h5", (7,), 8, at_once=5), Pod("ours:1", {}, "vision"))
    assert (few["spec"]["parallelism"], few["spec"]["maxFailedIndexes"]) == (1, 1)
    assert few["metadata"]["namespace"] == "vision"
    assert "limits" not in few["spec"]["template"]["spec"]["containers"][0]["resources"]


@pytest.mark.slow
def test_the_pods_make_the_same_bytes(
    command: Any,
    footage: Path,
    out: Path,
    whole: bytes,
    hold: Any,
    last_clip: Callable[[int], str],
    wait_until: Callable[..., None],
) -> None:
    assert command("run", "--out", out, "--device", "cpu", "--shard", "1/3").status == 0
    volumes = ["--volume", f"a:{footage}", "--volume", f"b:{out.parent}"]
    finished = command("submit", out, *KUBERNETES, *volumes, "--device", "cpu")
    assert finished.status == 0 and "kubectl create -f" in finished.stdout, finished.stderr
    manifest = written(out)
    assert manifest["spec"]["completions"] == 2

    gate, decoder = hold(last_clip(2))
    first, second = (pod(manifest, index, command.environment) for index in (0, 1))
    assert "shard 0 of" in first.communicate(timeout=120)[0] and first.returncode == 0
    wait_until(decoder)
    second.send_signal(signal.SIGTERM)  # the pod is evicted
    said = second.communicate(timeout=60)[0]
    assert second.returncode == 143 and "stopped: what was finished is kept" in said, said
    assert RunFolder(out).unfinished() == [2] and not list(out.parent.rglob("heartbeat.json"))

    gate.unlink()
    video = footage / "videos" / f"{last_clip(2)}.avi"
    intact = video.read_bytes()
    video.write_text("not a video any more")
    third = pod(manifest, 1, command.environment)
    said = third.communicate(timeout=120)[0]
    assert third.returncode == 0 and "1 clip failed" in said, said
    video.write_bytes(intact)
    assert command("retry", out, "--device", "cpu").status == 0
    assert out.read_bytes() == whole


def test_what_the_pods_would_not_find_is_refused(command: Any, footage: Path, out: Path) -> None:
    work = prepare_submission(out, SubmitConfig())
    for volumes, what in (
        ([], "the feature cache"),
        ([f"a:{out.parent}"], "the videos"),
        ([f"a:{footage}"], "the feature cache"),
    ):
        with pytest.raises(UserError, match=f"^{what}, /.*, would be on no volume of the pods: give --volume"):
            submit_to_kubernetes(work, settings("ours:1", volumes), print, dry_run=True)
    submit_to_kubernetes(work, settings("ours:1", [f"a:{out.parent.parent}"]), print, dry_run=True)
    with pytest.raises(UserError, match="give CLAIM:/mount"):
        submit_to_kubernetes(work, settings("ours:1", ["claim:mount"]), print, dry_run=True)
    with pytest.raises(UserError, match="give --image"):
        submit_to_kubernetes(work, settings("", []), print, dry_run=True)
    with pytest.raises(UserError, match="assigns whole GPUs"):
        submit_to_kubernetes(work, settings("ours:1", [], 0.5), print, dry_run=True)


@pytest.fixture
def named(out: Path) -> Path:
    """`out` as if it had been planned with released weights, which are not on this machine."""
    plan = RunFolder(out).plan
    replan(out, plan.model_copy(update={"recipe": plan.recipe.model_copy(update={"weights": NAMED})}))
    return out


def replan(out: Path, plan: RunPlan) -> None:
    (RunFolder(out).folder / "plan.json").write_text(dump_checked(plan.model_dump(mode="json")))


@pytest.mark.parametrize("where", ["{0}/weights", "weights", "{0}/gone/../weights", "{0}/link"])
def test_pods_look_for_named_weights_in_the_same_folder(
    where: str, named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is given as an absolute path, a relative path, or a link, which pods may not have."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "weights")
    monkeypatch.setenv("EARLY_WEIGHTS", where.format(tmp_path))
    submit_to_kubernetes(
        prepare_submission(named, SubmitConfig()), settings("ours:1", [f"a:{tmp_path}"]), print, dry_run=True
    )
    [container] = written(named)["spec"]["template"]["spec"]["containers"]
    assert container["env"][2:] == [{"name": "EARLY_WEIGHTS", "value": str(tmp_path / "weights")}]
    monkeypatch.setenv("EARLY_WEIGHTS", container["env"][2]["value"])
    monkeypatch.chdir("/")
    assert weights_folder() == tmp_path / "weights"


@pytest.mark.parametrize("where", ["/elsewhere/weights", "{0}/../weights", "{0}/link", ""])
def test_named_weights_on_no_volume_are_refused(
    where: str, named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to("/elsewhere/weights")
    monkeypatch.setenv("EARLY_WEIGHTS", where.format(tmp_path))
    with pytest.raises(UserError) as refused:
        submit_to_kubernetes(
            prepare_submission(named, SubmitConfig()), settings("ours:1", [f"a:{tmp_path}"]), print, dry_run=True
        )
    folder = weights_folder().resolve()
    assert str(refused.value) == (
        f"the weights {NAMED} are looked for in {folder}, which would be on no volume of the pods: set EARLY_WEIGHTS "
        f"to a folder on one, run `python -m extract weights get {NAMED}`, and submit again"
    )
    submit_to_kubernetes(
        prepare_submission(named, SubmitConfig()),
        settings("ours:1", [f"a:{tmp_path}", f"b:{folder}"]),
        print,
        dry_run=True,
    )


def test_a_folder_of_weights_that_was_planned_counts(named: Path, tmp_path: Path) -> None:
    plan = RunFolder(named).plan
    replan(named, plan.model_copy(update={"machine": replace(plan.machine, weights_folder=Path("/elsewhere/weights"))}))
    with pytest.raises(UserError, match="are looked for in /elsewhere/weights, which would be on no volume"):
        submit_to_kubernetes(
            prepare_submission(named, SubmitConfig()), settings("ours:1", [f"a:{tmp_path}"]), print, dry_run=True
        )


def test_kubectl_and_what_it_says(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stand-in for kubectl: there is no cluster here."""
    work, volumes = prepare_submission(out, SubmitConfig()), [f"a:{tmp_path}"]
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="there is no kubectl here; on a machine that has it run: kubectl create -f '"):
        submit_to_kubernetes(work, settings("ours:1", volumes), print, dry_run=False)
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\necho job.batch/extract-x7 created\n")
    kubectl.chmod(0o755)
    submit_to_kubernetes(work, settings("ours:1", volumes), print, dry_run=False)
    assert capsys.readouterr().out.startswith("job.batch/extract-x7 created: 3 of 3 shards\n")
    kubectl.write_text("#!/bin/sh\necho 'the server is away' >&2\nexit 1\n")
    with pytest.raises(UserError, match="kubectl refuses .*kubernetes.yaml: the server is away$"):
        submit_to_kubernetes(work, settings("ours:1", volumes), print, dry_run=False)
