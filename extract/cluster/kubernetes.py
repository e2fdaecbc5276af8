"""An Indexed Job of Kubernetes, one index a shard: the manifest in YAML, and handing it in.

Pods that a node's end or a preemption takes are started again without being counted; a worker that fails is tried
three times more. What a worker does is not known here.
"""

import os
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from common.errors import UserError
from common.files import write_text
from extract.cluster.work import DECODERS, Work
from extract.networks.weights import weights_folder
from extract.shards.run_folder import RunFolder
from manifests.released_weights import read_weights

GRACE = 120  # seconds between SIGTERM and SIGKILL; a worker needs those of one clip
# No $( ) in it: Kubernetes would take that for a variable of its own.
SCRIPT = """\
set -- {shards}  # of each index
shift "$JOB_COMPLETION_INDEX"
signals=
trap 'signals=x$signals; kill -TERM "$!"' TERM
{worker} &
worker=$!
# A signal ends the wait, not the worker, which finishes its clip.
while heard=$signals; wait "$worker"; status=$?; [ "$heard" != "$signals" ]; do :; done
if [ "$status" -eq 3 ]; then exit 0; fi  # done; the clips that failed are in the ledger
exit "$status"
"""


def submit_to_kubernetes(
    work: Work, image: str, volumes: list[str], namespace: str, gpus: float, *, dry_run: bool
) -> None:
    """Write the Job's manifest and hand it to Kubernetes.

    Args:
        work: what is to be done.
        image: a container image with this project in its Python.
        volumes: claims and where they are mounted, CLAIM:/mount; the same places as on this machine.
        namespace: of the Job; "": kubectl's own.
        gpus: of each pod.
        dry_run: only write the manifest.

    Raises:
        UserError: what the workers need is on none of the volumes, or kubectl is missing or refuses.
    """
    if not image:
        raise UserError("Kubernetes runs containers: give --image, one with this project installed")
    if gpus != int(gpus):
        raise UserError(f"--gpus-per-shard {gpus:g}: Kubernetes gives out whole GPUs")
    mounts = dict(_mount(volume) for volume in volumes)
    weights = _released_weights(work)
    _refuse_unmounted(work, mounts, weights)
    path = work.jobs / "kubernetes.yaml"
    manifest = job_manifest(work, image, mounts, namespace, int(gpus), weights)
    write_text(path, yaml.safe_dump(manifest, sort_keys=False))
    command = ["kubectl", "create", "-f", str(path)]
    if dry_run:
        print(f"{path} is written; start it with: {shlex.join(command)}")
        return
    if shutil.which("kubectl") is None:
        raise UserError(f"there is no kubectl here; on a machine that has it run: {shlex.join(command)}")
    handed_in = subprocess.run(command, capture_output=True, text=True)
    if handed_in.returncode:
        raise UserError(f"kubectl refuses {path}: {' '.join(handed_in.stderr.split())}")
    print(f"{handed_in.stdout.strip()}: {len(work.shards)} of {work.of} shards")
    print(f"how it goes: python -m extract status {shlex.quote(str(work.out))} --watch")
    print(f"The pod that finishes last makes {work.out.name}; the same command hands in what is missing.")


def job_manifest(
    work: Work, image: str, mounts: dict[str, str], namespace: str, gpus: int, weights: Path | None
) -> dict[str, Any]:
    """Return the Job as Kubernetes' API has it (batch/v1).

    Args:
        work: what is to be done.
        image: of the container.
        mounts: where which claim is mounted.
        namespace: of the Job; "": none is named.
        gpus: of each pod.
        weights: the folder of released weights; None: the run needs none.
    """
    shards = len(work.shards)
    work = replace(work, workers=work.workers or DECODERS)  # what a container asks for is not what it sees
    user, group = os.getuid() or 1000, os.getgid() or 1000  # never root; whoever planned the run can write its folder
    worker = f'{shlex.join(work.command(python="python"))} --shard "$1/{work.of}"'
    names = {mount: f"volume-{number}" for number, mount in enumerate(mounts)}
    container = {
        "name": "worker",
        "image": image,
        "command": ["sh", "-c", SCRIPT.format(shards=" ".join(map(str, work.shards)), worker=worker)],
        "env": [
            {"name": "HOME", "value": "/tmp"},  # what libraries keep for themselves
            {"name": "JOB_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['job-name']"}}},
            *([{"name": "EARLY_WEIGHTS", "value": str(weights)}] if weights else []),
        ],
        "resources": {
            "requests": {"cpu": str(work.workers)},
            **({"limits": {"nvidia.com/gpu": str(gpus)}} if gpus else {}),
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "scratch", "mountPath": "/tmp"},
            *({"name": name, "mountPath": mount} for mount, name in names.items()),
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "extract-", **({"namespace": namespace} if namespace else {})},
        "spec": {
            "completionMode": "Indexed",
            "completions": shards,
            "parallelism": min(work.at_once or shards, shards),
            "backoffLimitPerIndex": 3,
            "maxFailedIndexes": min(shards, max(3, shards // 10)),  # then it is not the shards' fault
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "template": {
                "metadata": {"labels": {"app.kubernetes.io/name": "early-recognition"}},
                "spec": {
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": GRACE,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": user,
                        "runAsGroup": group,
                        "fsGroup": group,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container],
                    "volumes": [
                        {"name": "scratch", "emptyDir": {}},
                        *(
                            {"name": names[mount], "persistentVolumeClaim": {"claimName": claim}}
                            for mount, claim in mounts.items()
                        ),
                    ],
                },
            },
        },
    }


def _mount(volume: str) -> tuple[str, str]:
    claim, _, mount = volume.partition(":")
    if not claim or not mount.startswith("/"):
        raise UserError(f"--volume {volume}: give CLAIM:/mount, a persistent volume claim and where it is mounted")
    return mount, claim


def _released_weights(work: Work) -> Path | None:
    """Return the folder of weights known by name, as this machine has it; None: the run's weights are no such."""
    plan = RunFolder(work.out).plan
    if plan.recipe.weights not in read_weights():
        return None
    return (plan.machine.weights_folder or weights_folder()).resolve()  # as the plan has all its paths


def _refuse_unmounted(work: Work, mounts: dict[str, str], weights: Path | None) -> None:
    def unmounted(place: str) -> bool:
        # URLs are reached from anywhere
        return place.startswith("/") and not any(Path(place).is_relative_to(mount) for mount in mounts)

    plan = RunFolder(work.out).plan
    named = plan.recipe.weights
    needed = {"the feature cache": str(work.out), "the videos": plan.videos, "the weights": named}
    for what, place in needed.items():
        if unmounted(place):
            raise UserError(f"{what}, {place}, would be on no volume of the pods: give --volume CLAIM:/mount above it")
    if weights and unmounted(str(weights)):
        raise UserError(
            f"the weights {named} are looked for in {weights}, which would be on no volume of the pods: set "
            f"EARLY_WEIGHTS to a folder on one, run `python -m extract weights get {named}`, and submit again"
        )
