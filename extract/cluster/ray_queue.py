"""Shards as a queue of tasks on a Ray cluster that is there already. Ray is an optional extra of this project.

A task is one worker process; it is repeated elsewhere when its node is lost. Nothing stays on the cluster, and no
features go through Ray: workers write into the run folder, which every node must see.
"""

import contextlib
import logging
import os
import re
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from common.errors import UserError
from extract.cluster.work import DECODERS, Work
from extract.cluster.worker import ENDED_IN_ORDER, MOST_ERRORS, End, Worker, refuse_errors

POLL = 1.0  # seconds
CONNECT = 10.0  # seconds
LOSSES = 100  # of nodes, under one shard


def run_on_ray(work: Work, address: str, gpus: float | None, follow: Callable[[], None]) -> None:
    """Work on the shards until all have ended.

    Args:
        work: what is to be done; a worker's decode processes are the CPUs it asks for.
        address: of the cluster, as Ray takes it.
        gpus: of each worker; None: one where the cluster has any.
        follow: called again and again meanwhile.

    Raises:
        UserError: Ray or the cluster is missing or lost, or workers ended with an error.
    """
    ray = _ray()
    work = replace(work, workers=work.workers or DECODERS)
    with _connected(ray, address), contextlib.redirect_stdout(sys.stderr):  # Ray prints of lost nodes
        if gpus is None:
            gpus = 0.0 if work.device == "cpu" else min(1.0, ray.cluster_resources().get("GPU", 0.0))
        _warn_if_none_fits(ray, work, gpus)
        task = ray.remote(num_cpus=work.workers, num_gpus=gpus, max_retries=LOSSES)(run_shard)
        waiting, ends = deque(work.shards), list[End]()
        running = dict[Any, int]()  # tasks and their shards
        try:
            while waiting or running:
                while waiting and len(running) < (work.at_once or len(work.shards)):
                    shard = waiting.popleft()
                    running[task.remote(work, shard)] = shard
                for finished in ray.wait(list(running), timeout=POLL)[0]:
                    ends.append(_end_of(ray, finished, running.pop(finished)))
                if sum(end.status not in ENDED_IN_ORDER for end in ends) >= MOST_ERRORS:
                    break
                follow()
        finally:  # on Ctrl-C, or too many errors: their clips are finished
            for reference in running:
                ray.cancel(reference)
            ray.wait(list(running), num_returns=len(running)) if running else None
    refuse_errors(ends, work)


def run_shard(work: Work, shard: int) -> End:
    """Run a shard's worker to its end. This is the task: it runs on a node of the cluster."""
    worker = Worker(work, shard, "ray")
    try:
        while (end := worker.poll()) is None:
            time.sleep(POLL)
        return end
    finally:  # cancelled
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
        raise UserError(f"no Ray cluster answers at {address} ({error}); `ray start --head` begins one") from error
    try:
        yield
    except ray.exceptions.RayError as error:
        raise UserError(f"the Ray cluster is lost ({_first_line(error)}); the same command goes on") from error
    finally:
        ray.shutdown()


def _warn_if_none_fits(ray: Any, work: Work, gpus: float) -> None:
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(node.get("CPU", 0) >= (work.workers or 0) and node.get("GPU", 0) >= gpus for node in nodes):
        print(
            f"no node has {work.workers} CPUs and {gpus:g} GPUs now, and shards wait until one comes; "
            "--workers and --gpus-per-shard ask for less",
            file=sys.stderr,
        )


def _end_of(ray: Any, reference: Any, shard: int) -> End:
    try:
        end: End = ray.get(reference)
        return end
    except ray.exceptions.RayError as error:
        return End(shard, 1, _first_line(error))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
