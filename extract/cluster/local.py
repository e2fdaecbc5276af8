"""The engine that runs shards on this machine: one worker process per GPU, or a given number of them on its CPU.

Each worker takes one shard after the other. How a worker is started and ended is in `worker`.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from common.cores import usable_cores
from common.errors import UserError
from extract.cluster.engine import Engine, EngineCallbacks, EngineSettings
from extract.cluster.submission import Submission
from extract.cluster.worker import MOST_ERRORS, NORMAL_ENDS, End, Worker, raise_errors

POLL = 0.2  # seconds


def run_locally(submission: Submission, follow: Callable[[], None]) -> None:
    """Run workers until all shards have ended.

    Args:
        submission: the shards.
        follow: called again and again while workers run.

    Raises:
        UserError: workers ended with an error. The workers that ran beside them have ended too.
    """
    slots = _slots(submission)
    submission = replace(submission, workers=submission.workers or max(1, usable_cores() // len(slots)))
    waiting, ends = deque(submission.shards), list[End]()
    workers = [Worker(submission, f"local-{slot}", environment) for slot, environment in enumerate(slots)]
    try:
        while waiting or any(worker.shard is not None for worker in workers):
            for worker in workers:
                if waiting and worker.shard is None:
                    worker.give(waiting.popleft())
            time.sleep(POLL)
            ends += [end for worker in workers if (end := worker.poll())]
            if sum(end.status not in NORMAL_ENDS for end in ends) >= MOST_ERRORS:
                waiting.clear()
            follow()
    finally:  # also on Ctrl-C: workers finish their clips
        for worker in workers:
            worker.end()
        for worker in workers:
            worker.wait()
    raise_errors(ends, submission)


def _slots(submission: Submission) -> list[dict[str, str]]:
    """Return, for each worker that runs at a time, the environment variable that gives it its GPU."""
    gpus = [] if submission.device == "cpu" else _gpus()
    if gpus and submission.device not in (None, "auto", "cuda"):
        raise UserError(
            f"--device {submission.device}: this engine gives each worker a GPU of its own; give --device cuda"
        )
    count = submission.at_once or len(gpus) or 1
    return [{"CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]} if gpus else {} for slot in range(count)]


def _gpus() -> list[str]:
    """Return the names of the GPUs that this process may use."""
    import torch  # takes seconds to load

    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return seen.split(",") if seen and torch.cuda.is_available() else [str(n) for n in range(torch.cuda.device_count())]


class LocalSettings(EngineSettings):
    """This engine has no options of its own."""


def _submit(submission: Submission, settings: LocalSettings, dry_run: bool, callbacks: EngineCallbacks) -> None:
    run_locally(submission, callbacks.follow)


LOCAL = Engine("Local", LocalSettings, waits=True, submit=_submit)
