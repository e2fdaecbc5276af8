"""`python -m extract submit`: its options, which engine takes them, and what is said at the end.

How an engine starts workers is in the file of its name.
"""

import contextlib
import shlex
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Annotated

import typer

from common.errors import UserError
from common.progress import progress_bars
from extract.cluster.kubernetes import submit_to_kubernetes
from extract.cluster.local import run_locally
from extract.cluster.ray_queue import run_on_ray
from extract.cluster.slurm import submit_to_slurm
from extract.cluster.work import Work, find_work
from extract.commands.options import CacheFile
from extract.commands.run import conclude
from extract.shards.merge import merge
from extract.shards.run_folder import RunFolder
from extract.shards.status import read_status

FOLLOW = 2.0  # seconds between looks at the run folder


class Engine(StrEnum):
    """What starts the workers."""

    local = "local"
    slurm = "slurm"
    kubernetes = "kubernetes"
    ray = "ray"


OWN_OPTIONS: dict[Engine, set[str]] = {
    Engine.local: set(),
    Engine.slurm: {"--sbatch", "--container"},
    Engine.kubernetes: {"--image", "--volume", "--namespace", "--gpus-per-shard"},
    Engine.ray: {"--address", "--gpus-per-shard"},
}


def submit(
    out: CacheFile,
    engine: Annotated[Engine, typer.Option(help="What starts the workers.")] = Engine.local,
    retry: Annotated[bool, typer.Option("--retry", help="Take the clips that failed, not those never tried.")] = False,
    at_once: Annotated[
        int | None, typer.Option(min=1, help="Most shards at a time. Default: of local, one a GPU; else no limit.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Of the workers. Default: a GPU where there is one.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Decode processes of each worker: the cores it needs.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write the job, start nothing.")] = False,
    sbatch: Annotated[str, typer.Option(help="SLURM: sbatch's options, '--partition=gpu --gres=gpu:1 …'.")] = "",
    container: Annotated[str, typer.Option(help="SLURM: starts workers, 'apptainer exec --nv /data/a.sif'.")] = "",
    image: Annotated[str, typer.Option(help="Kubernetes: the container image with this project in it.")] = "",
    volume: Annotated[list[str] | None, typer.Option(help="Kubernetes: CLAIM:/mount; may be repeated.")] = None,
    namespace: Annotated[str, typer.Option(help="Kubernetes: the Job's namespace.")] = "",
    address: Annotated[str, typer.Option(help="Ray: the cluster's. Default: the one this machine is in.")] = "",
    gpus_per_shard: Annotated[
        float | None, typer.Option(min=0, help="Kubernetes, Ray: default 1. On Ray two workers share one with 0.5.")
    ] = None,
) -> None:
    """Start workers for the shards that a planned run still lacks. Local and Ray wait for the end; the others do not.

    Exit status of those that wait: 0 done, 3 done with clips in the ledgers, 1 an error; Ctrl-C and SIGTERM let the
    workers finish their clips.

    Example: `python -m extract submit tsm.h5 --engine slurm --sbatch "--gres=gpu:1 --cpus-per-task=8 --time=4:00:00"`

    Example: `python -m extract submit tsm.h5 --engine kubernetes --image ours:1 --volume data:/data --at-once 16`
    """
    given = {
        "--sbatch": sbatch,
        "--container": container,
        "--image": image,
        "--volume": volume,
        "--namespace": namespace,
        "--address": address,
        "--gpus-per-shard": gpus_per_shard is not None,
    }
    if strange := [name for name, value in given.items() if value and name not in OWN_OPTIONS[engine]]:
        raise UserError(f"{', '.join(strange)}: not an option of --engine {engine}")
    work = find_work(out, retry=retry, device=device, workers=workers, at_once=at_once)
    if not work.shards:
        print("no clip has failed" if retry else "every shard is done already")
        _conclude(work)
    elif engine == Engine.slurm:
        submit_to_slurm(work, sbatch, container, dry_run=dry_run)
    elif engine == Engine.kubernetes:
        gpus = gpus_per_shard if gpus_per_shard is not None else float(device != "cpu")
        submit_to_kubernetes(work, image, volume or [], namespace, gpus, dry_run=dry_run)
    elif dry_run:
        for shard in work.shards:
            print(f"{shlex.join(work.command())} --shard {shard}/{work.of}")
    else:
        with _follow(work) as follow:
            if engine == Engine.local:
                run_locally(work, follow)
            else:
                run_on_ray(work, address or "auto", gpus_per_shard, follow)
        _conclude(work)


def _conclude(work: Work) -> None:
    """Say what has become of it; and merge, if the worker that was to do it was killed."""
    run = RunFolder(work.out)
    conclude(work.out, run.failures() if run.unfinished() else merge(run))


@contextlib.contextmanager
def _follow(work: Work) -> Iterator[Callable[[], None]]:
    """Give a function that brings a progress bar up to date, when it is called often."""
    last = 0.0
    with progress_bars() as bar:
        move = bar("retry" if work.retry else "extract", "clips")

        def follow() -> None:
            nonlocal last
            if time.monotonic() - last > FOLLOW:
                last = time.monotonic()
                status = read_status(work.out)
                move(status.done + status.failed, status.clips)

        yield follow
