"""Shards on this machine: one worker process a GPU, or as many as asked for on its processors.

What a worker does is not known here; how one is started and ended is in `worker`.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from common.cores import usable_cores
from common.errors import UserError
from extract.cluster.work import Work
from extract.cluster.worker import ENDED_IN_ORDER, MOST_ERRORS, End, Worker, refuse_errors

POLL = 0.2  # seconds


def run_locally(work: Work, follow: Callable[[], None]) -> None:
    """Work on the shards until all have ended.

    Args:
        work: what is to be done.
        follow: called again and again meanwhile.

    Raises:
        UserError: workers ended with an error; those that ran beside them were finished first.
    """
    places = _places(work)
    work = replace(work, workers=work.workers or max(1, usable_cores() // len(places)))
    waiting, ends = deque(work.shards), list[End]()
    running = dict[int, Worker]()  # in which place
    try:
        while waiting or running:
            for place in range(len(places)):
                if waiting and place not in running:
                    running[place] = Worker(work, waiting.popleft(), "local", places[place])
            time.sleep(POLL)
            for place, worker in list(running.items()):
                if end := worker.poll():
                    del running[place]
                    ends.append(end)
            if sum(end.status not in ENDED_IN_ORDER for end in ends) >= MOST_ERRORS:
                waiting.clear()
            follow()
    finally:  # also on Ctrl-C: their clips are finished
        for worker in running.values():
            worker.end()
        for worker in running.values():
            worker.wait()
    refuse_errors(ends, work)


def _places(work: Work) -> list[dict[str, str]]:
    """Return what the environment of each worker at a time says of its GPU."""
    gpus = [] if work.device == "cpu" else _gpus()
    if gpus and work.device not in (None, "auto", "cuda"):
        raise UserError(f"--device {work.device}: this engine gives each worker a GPU of its own; give --device cuda")
    count = work.at_once or len(gpus) or 1
    return [{"CUDA_VISIBLE_DEVICES": gpus[place % len(gpus)]} if gpus else {} for place in range(count)]


def _gpus() -> list[str]:
    """Return the names of this machine's GPUs, of those that this process may see."""
    import torch  # takes seconds: only where it is needed

    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return seen.split(",") if seen and torch.cuda.is_available() else [str(n) for n in range(torch.cuda.device_count())]
