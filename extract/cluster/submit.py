"""Submit the unfinished shards of a planned run to an engine. The engines themselves are in `engines`."""

import shlex
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from common.callbacks import ProgressCallback
from common.config import parse_config
from common.errors import UserError, unknown_name
from extract.cluster.engine import Engine, EngineCallbacks, EngineSettings
from extract.cluster.engines import ENGINES
from extract.cluster.submission import Submission
from extract.shards.ledger import LedgerRow
from extract.shards.merge import merge
from extract.shards.run_folder import RunFolder
from extract.shards.status import read_status

FOLLOW_SECONDS = 2.0  # between two readings of the run folder


def find_engine(name: str) -> Engine:
    """Return the engine of a name.

    Raises:
        UserError: there is none; the message has the nearest name.
    """
    if name not in ENGINES:
        raise UserError(unknown_name("engine", name, ENGINES))
    return ENGINES[name]


def engine_settings(name: str, options: Mapping[str, Any]) -> EngineSettings:
    """Return the settings of an engine from the options that were given.

    Args:
        name: of the engine.
        options: by field name.

    Raises:
        UserError: an option belongs to another engine, or a value is out of range.
    """
    model = find_engine(name).settings
    if foreign := [f"--{option.replace('_', '-')}" for option in options if option not in model.model_fields]:
        raise UserError(f"{', '.join(foreign)}: not an option of --engine {name}")
    return parse_config(model, dict(options), "options")


def submit(
    submission: Submission,
    engine: Engine,
    settings: EngineSettings,
    callbacks: EngineCallbacks,
    *,
    dry_run: bool = False,
) -> bool:
    """Give shards to an engine.

    Returns:
        Whether the workers have ended. For a dry run and for engines that do not wait it is False.

    Raises:
        UserError: the engine is missing, refuses, or workers end with an error.
    """
    if dry_run and engine.waits:
        for shard in submission.shards:
            callbacks.report(f"{shlex.join(submission.command())} --shard {shard}/{submission.num_shards}")
        return False
    engine.submit(submission, settings, dry_run, callbacks)
    return engine.waits and not dry_run


def finish_submission(out: Path) -> dict[str, LedgerRow]:
    """Return the clips that failed; make the cache if the worker that should have done it was killed."""
    run = RunFolder(out)
    return run.failures() if run.unfinished() else merge(run)


def follow_run(out: Path, progress: ProgressCallback) -> Callable[[], None]:
    """Return a function that calls `progress` with the state of a run, at most every `FOLLOW_SECONDS`."""
    last = 0.0

    def follow() -> None:
        nonlocal last
        if time.monotonic() - last > FOLLOW_SECONDS:
            last = time.monotonic()
            show_run(out, progress)

    return follow


def show_run(out: Path, progress: ProgressCallback) -> None:
    """Call `progress` with the state of a run."""
    status = read_status(out)
    progress(status.done + status.failed, status.clips)
