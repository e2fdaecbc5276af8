"""The engine that writes an Indexed Job of Kubernetes, one index per shard, and submits it by `kubectl`.

Kubernetes starts a pod again when its node is lost or it is preempted, as often as that happens. A worker that fails
is tried three times more. Large packages are imported in functions, because the command line loads every engine.
"""

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import Field

from common.callbacks import Notify
from common.errors import UserError
from common.files import write_text
from extract.cluster.engine import Engine, EngineCallbacks, EngineSettings
from extract.cluster.submission import DECODERS, Submission

if TYPE_CHECKING:
    from extract.shards.run_plan import RunPlan

GRACE = 120  # seconds between SIGTERM and SIGKILL; a worker needs those of one clip
# The script has no $( ): Kubernetes would replace it by the value of a variable.
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


class KubernetesSettings(EngineSettings):
    """Options of the Kubernetes engine."""

    image: str = Field(default="", description="the container image with this project in it")
    volume: list[str] = Field(default=[], description="CLAIM:/mount, a persistent volume claim; may be repeated")
    namespace: str = Field(default="", description="the Job's namespace")
    gpus_per_shard: float | None = Field(
        default=None, ge=0, description="GPUs of each worker; default: 1. With 0.5, two workers on Ray share one"
    )


@dataclass(frozen=True)
class Pod:
    """What the pods of a Job have in common.

    Attributes:
        image: of the container.
        mounts: volume claims, by the path where they are mounted.
        namespace: of the Job; "": none is named.
        gpus: of each pod.
        weights: the folder of released weights; None: the run needs none.
    """

    image: str
    mounts: dict[str, str]
    namespace: str = ""
    gpus: int = 0
    weights: Path | None = None


def submit_to_kubernetes(
    submission: Submission, settings: KubernetesSettings, report: Notify, *, dry_run: bool
) -> None:
    """Write the Job's manifest and give it to Kubernetes.

    Args:
        submission: the shards.
        settings: image, volumes (mounted at the same paths as on this machine), namespace, GPUs.
        report: takes sentences about what was done.
        dry_run: only write the manifest.

    Raises:
        UserError: what the workers need is on none of the volumes, or kubectl is missing or refuses.
    """
    path = submission.jobs / "kubernetes.yaml"
    write_text(path, yaml.safe_dump(job_manifest(submission, _pod(submission, settings)), sort_keys=False))
    command = ["kubectl", "create", "-f", str(path)]
    if dry_run:
        report(f"{path} is written; start it with: {shlex.join(command)}")
        return
    if shutil.which("kubectl") is None:
        raise UserError(f"there is no kubectl here; on a machine that has it run: {shlex.join(command)}")
    called = subprocess.run(command, capture_output=True, text=True)
    if called.returncode:
        raise UserError(f"kubectl refuses {path}: {' '.join(called.stderr.split())}")
    report(f"{called.stdout.strip()}: {len(submission.shards)} of {submission.num_shards} shards")
    report(f"progress: python -m extract status {shlex.quote(str(submission.out))} --watch")
    report(f"The pod that finishes last makes {submission.out.name}; the same command submits what is missing.")


def _pod(submission: Submission, settings: KubernetesSettings) -> Pod:
    """Return what the settings ask for, after a check that the pods can reach all that they need."""
    gpus = float(submission.device != "cpu") if settings.gpus_per_shard is None else settings.gpus_per_shard
    if not settings.image:
        raise UserError("Kubernetes runs containers: give --image, one with this project installed")
    if gpus != int(gpus):
        raise UserError(f"--gpus-per-shard {gpus:g}: Kubernetes assigns whole GPUs only")
    mounts = dict(_mount(volume) for volume in settings.volume)
    weights = _released_weights(submission)
    _refuse_unmounted(submission, mounts, weights)
    return Pod(settings.image, mounts, settings.namespace, int(gpus), weights)


def job_manifest(submission: Submission, pod: Pod) -> dict[str, Any]:
    """Return the Job in the form of Kubernetes' API (batch/v1)."""
    shards = len(submission.shards)
    user, group = (
        os.getuid() or 1000,
        os.getgid() or 1000,
    )  # never root; the user who planned the run can write its folder
    names = {mount: f"volume-{number}" for number, mount in enumerate(pod.mounts)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "extract-", **({"namespace": pod.namespace} if pod.namespace else {})},
        "spec": {
            "completionMode": "Indexed",
            "completions": shards,
            "parallelism": min(submission.at_once or shards, shards),
            "backoffLimitPerIndex": 3,
            "maxFailedIndexes": min(shards, max(3, shards // 10)),  # with more, the cause is not in the shards
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
                    "containers": [_container(submission, pod, names)],
                    "volumes": [
                        {"name": "scratch", "emptyDir": {}},
                        *(
                            {"name": names[mount], "persistentVolumeClaim": {"claimName": claim}}
                            for mount, claim in pod.mounts.items()
                        ),
                    ],
                },
            },
        },
    }


def _container(submission: Submission, pod: Pod, names: dict[str, str]) -> dict[str, Any]:
    """Return the Job's container; `names` are the volumes' names by their mounts."""
    # A process in a container sees all cores of its machine, not those that the pod requests.
    submission = replace(submission, workers=submission.workers or DECODERS)
    worker = f'{shlex.join(submission.command(python="python"))} --shard "$1/{submission.num_shards}"'
    return {
        "name": "worker",
        "image": pod.image,
        "command": ["sh", "-c", SCRIPT.format(shards=" ".join(map(str, submission.shards)), worker=worker)],
        "env": [
            {"name": "HOME", "value": "/tmp"},  # for the caches of libraries
            {"name": "JOB_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['job-name']"}}},
            *([{"name": "EARLY_WEIGHTS", "value": str(pod.weights)}] if pod.weights else []),
        ],
        "resources": {
            "requests": {"cpu": str(submission.workers)},
            **({"limits": {"nvidia.com/gpu": str(pod.gpus)}} if pod.gpus else {}),
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


def _mount(volume: str) -> tuple[str, str]:
    claim, _, mount = volume.partition(":")
    if not claim or not mount.startswith("/"):
        raise UserError(f"--volume {volume}: give CLAIM:/mount, a persistent volume claim and where it is mounted")
    return mount, claim


def _released_weights(submission: Submission) -> Path | None:
    """Return this machine's folder of released weights; None: the run uses no released weights."""
    from extract.networks.weights import weights_folder
    from manifests.released_weights import read_weights

    plan = _plan(submission)
    if plan.recipe.weights not in read_weights():
        return None
    return (plan.machine.weights_folder or weights_folder()).resolve()  # absolute, as all paths of a plan


def _refuse_unmounted(submission: Submission, mounts: dict[str, str], weights: Path | None) -> None:
    def unmounted(place: str) -> bool:
        # a URL can be reached from anywhere
        return place.startswith("/") and not any(Path(place).is_relative_to(mount) for mount in mounts)

    plan = _plan(submission)
    named = plan.recipe.weights
    needed = {"the feature cache": str(submission.out), "the videos": plan.videos, "the weights": named}
    for what, place in needed.items():
        if unmounted(place):
            raise UserError(f"{what}, {place}, would be on no volume of the pods: give --volume CLAIM:/mount above it")
    if weights and unmounted(str(weights)):
        raise UserError(
            f"the weights {named} are looked for in {weights}, which would be on no volume of the pods: set "
            f"EARLY_WEIGHTS to a folder on one, run `python -m extract weights get {named}`, and submit again"
        )


def _plan(submission: Submission) -> "RunPlan":
    from extract.shards.run_folder import RunFolder

    return RunFolder(submission.out).plan


def _submit(submission: Submission, settings: KubernetesSettings, dry_run: bool, callbacks: EngineCallbacks) -> None:
    submit_to_kubernetes(submission, settings, callbacks.report, dry_run=dry_run)


KUBERNETES = Engine("Kubernetes", KubernetesSettings, waits=False, submit=_submit)
