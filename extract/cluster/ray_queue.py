"""The engine that runs shards as tasks on an existing Ray cluster. Ray is an optional extra of this project.

A task is one worker process. Ray repeats it on another node when its node is lost. Workers write into the run folder,
which every node must be able to reach; no features go through Ray.
"""

import contextlib
import logging
import os
import re
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import Field

from common.callbacks import Notify
from common.errors import UserError
from extract.cluster.engine import Engine, EngineCallbacks, EngineSettings
from extract.cluster.submission import DECODERS, Submission
from extract.cluster.worker import MOST_ERRORS, NORMAL_ENDS, End, Worker, raise_errors

POLL = 1.0  # seconds
CONNECT = 10.0  # seconds
LOSSES = 100  # how many lost nodes one shard survives


class RaySettings(EngineSettings):
    """Options of the Ray engine."""

    address: str = Field(default="auto", description="address of the cluster; default: the one this machine is in")
    gpus_per_shard: float | None = Field(
        default=None, ge=0, description="GPUs of each worker; default: 1. With 0.5, two workers on Ray share one"
    )


def run_on_ray(submission: Submission, settings: RaySettings, callbacks: EngineCallbacks) -> None:
    """Run workers on the cluster until all shards have ended.

    Args:
        submission: the shards; a worker's decode processes are the CPUs that it requests.
        settings: address of the cluster, and GPUs of each worker (None: one where the cluster has any).
        callbacks: as for every engine.

    Raises:
        UserError: Ray or the cluster is missing or lost, or workers ended with an error.
    """
    ray = _ray()
    submission = replace(submission, workers=submission.workers or DECODERS)
    with _connected(ray, settings.address), contextlib.redirect_stdout(sys.stderr):  # Ray prints about lost nodes
        gpus = settings.gpus_per_shard
        if gpus is None:
            gpus = 0.0 if submission.device == "cpu" else min(1.0, ray.cluster_resources().get("GPU", 0.0))
        _warn_if_none_fits(ray, submission, gpus, callbacks.warn)
        task = ray.remote(num_cpus=submission.workers, num_gpus=gpus, max_retries=LOSSES)(run_shard)
        ends = _run_tasks(ray, task, submission, callbacks)
    raise_errors(ends, submission)


def _run_tasks(ray: Any, task: Any, submission: Submission, callbacks: EngineCallbacks) -> list[End]:
    """Run one task for each shard; after too many errors, start no more. Return how the tasks ended."""
    waiting, ends = deque(submission.shards), list[End]()
    running = dict[Any, int]()  # tasks and their shards
    try:
        while waiting or running:
            while waiting and len(running) < (submission.at_once or len(submission.shards)):
                shard = waiting.popleft()
                running[task.remote(submission, shard)] = shard
            for finished in ray.wait(list(running), timeout=POLL)[0]:
                ends.append(_end_of(ray, finished, running.pop(finished)))
            if sum(end.status not in NORMAL_ENDS for end in ends) >= MOST_ERRORS:
                break
            callbacks.follow()
    finally:  # on Ctrl-C, or after too many errors: workers finish their clips
        for reference in running:
            ray.cancel(reference)
        ray.wait(list(running), num_returns=len(running)) if running else None
    return ends


def run_shard(submission: Submission, shard: int) -> End:
    """Run a shard's worker to its end. This is the task, which runs on a node of the cluster."""
    worker = Worker(submission, f"ray-{shard:05d}")
    try:
        worker.give(shard)
        while (end := worker.poll()) is None:
            time.sleep(POLL)
        return end
    finally:  # the task may be cancelled
        worker.end()
        worker.wait()


def _ray() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise UserError("Ray is not installed; it is an extra: pip install 'early-recognition[ray]'") from error
    return ray


@contextlib.contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    try:
        if numbered := re.fullmatch(r"([^/]+):(\d+)", address):  # Ray itself would try for minutes
            socket.create_connection((numbered[1], int(numbered[2])), timeout=CONNECT).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"no Ray cluster answers at {address} ({error}); `ray start --head` starts one") from error
    try:
        yield
    except ray.exceptions.RayError as error:
        raise UserError(f"the Ray cluster is lost ({_first_line(error)}); run the same command to resume") from error
    finally:
        ray.shutdown()


def _warn_if_none_fits(ray: Any, submission: Submission, gpus: float, warn: Notify) -> None:
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cpus = submission.workers or 0
    if not any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
        warn(
            f"no node has {submission.workers} CPUs and {gpus:g} GPUs now, and shards wait until one comes; "
            "request less with --workers and --gpus-per-shard"
        )


def _end_of(ray: Any, reference: Any, shard: int) -> End:
    try:
        end: End = ray.get(reference)
        return end
    except ray.exceptions.RayError as error:
        return End(shard, 1, _first_line(error))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def _submit(submission: Submission, settings: RaySettings, dry_run: bool, callbacks: EngineCallbacks) -> None:
    run_on_ray(submission, settings, callbacks)


RAY = Engine("Ray", RaySettings, waits=True, submit=_submit)
