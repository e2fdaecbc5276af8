"""The verbs that make a cache: `plan` writes a plan, `run` does it or a shard of it, `retry` takes the failed clips."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.cores import usable_cores
from common.errors import UserError
from common.exits import resumable
from common.log import notify
from common.options import LOG_OPTIONS, Device, Json, Runtime, Workers, with_logs
from extract.commands.given_shards import GIVEN, take_given_shards
from extract.commands.options import (
    CLIPS,
    CacheFile,
    Compile,
    Decoder,
    Out,
    Videos,
    feature_config,
    with_feature_options,
)
from extract.commands.outcome import print_outcome
from extract.commands.shard_option import Shard, parse_shard, shard_of_plan
from extract.commands.stop_signals import stop_signals

if TYPE_CHECKING:
    from extract.extraction import Extraction, MachineChanges

THREADS = "Threads of the network on a CPU; they decide the last bits."
DEADLINE = "Seconds without a new frame before a clip's decoder is killed."
FREE_OPTIONS = {"context", "out", "shard", "device", "workers", "deadline", "as_json", *LOG_OPTIONS}  # not of a plan


@with_feature_options
def plan(
    clips: Annotated[str, typer.Argument(help=CLIPS)],
    out: Out,
    shards: Annotated[int, typer.Option(min=1, help="Number of shards; each is one job of a cluster.")],
    videos: Videos = None,
    decoder: Decoder = "pyav",
    runtime: Runtime = "auto",
    compile_: Compile = False,
    threads: Annotated[int, typer.Option(min=1, help=THREADS)] = 1,
    as_json: Json = False,
    **features: Any,
) -> None:
    """Plan a run: which clips, in which shard, and how their features are made. No video is decoded yet.

    Shards are balanced by the expected number of frames. A clip's shard depends on its id alone: what is done stays
    done when a run is planned again with more videos.

    Example: `python -m extract plan k400.csv --videos /data/k400 --out tsm.h5 --shards 64 --precision bf16`
    """
    from extract.extraction import Extraction
    from extract.machine import Machine
    from extract.planning import plan_run

    config = feature_config(**features)
    machine = Machine(workers=usable_cores(), decoder=decoder, compiled=compile_, threads=threads, runtime=runtime)
    planned = plan_run(Extraction(clips, videos, out, config, machine, num_shards=shards))
    sizes = planned.shard_sizes
    if as_json:
        changes = {"added": planned.changes.added, "removed": planned.changes.removed}
        print(json.dumps({"cache": str(out), "clips": planned.clips, "shard_sizes": sizes, **changes}))
        return
    if planned.changes:
        print(f"{out}: its list of clips changed: {planned.changes}; the features of the others are used again")
    print(f"{out}: {planned.clips} clips in {shards} shards of {min(sizes)} to {max(sizes)} clips")
    quoted = shlex.quote(str(out))
    each = f"each: python -m extract run --out {quoted} --shard I/{shards}"
    print(f"{each}    all of them: python -m extract submit {quoted}")


@resumable
@with_logs
@with_feature_options
def run(
    context: typer.Context,
    out: Out,
    clips: Annotated[str | None, typer.Argument(help=f"{CLIPS} Without it: resume as planned.")] = None,
    videos: Videos = None,
    shard: Shard = None,
    decoder: Decoder = "pyav",
    runtime: Runtime = "auto",
    compile_: Compile = False,
    threads: Annotated[int | None, typer.Option(min=1, help=THREADS)] = None,
    device: Device = "auto",
    workers: Workers = None,
    deadline: Annotated[float, typer.Option(min=0.1, help=DEADLINE)] = 60.0,
    as_json: Json = False,
    **features: Any,
) -> None:
    """Make the feature cache. If it was interrupted or killed, the same command resumes it.

    Exit status 3 when clips failed; the ledgers have the reasons, and `retry` takes the clips again. SIGTERM and
    SIGUSR1 end the command with 143 after the current clip. The worker that finds every shard done makes the cache.

    Example: `python -m extract run ucf101.csv --videos /data/UCF-101 --out tsm.h5 --device cuda --precision bf16`

    Example: `python -m extract run --out tsm.h5 --shard 3/16`
    """
    from extract.extraction import Extraction, MachineChanges
    from extract.machine import Machine

    if clips is None:
        _refuse_options_of_a_plan(context)
        changes = MachineChanges(
            device=device if _is_given(context, "device") else None,
            workers=workers or usable_cores(),
            deadline=deadline if _is_given(context, "deadline") else None,
        )
        _resume(out, shard, changes, as_json=as_json)
        return
    config = feature_config(**features)
    machine = Machine(device, workers or usable_cores(), deadline, decoder, compile_, threads, runtime=runtime)
    only, shards = parse_shard(shard) if shard else (None, 1)
    _extract(Extraction(clips, videos, out, config, machine, num_shards=shards), only, as_json=as_json)


@resumable
@with_logs
def retry(
    out: CacheFile,
    shard: Shard = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1; default: as in that run.")] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Try the failed clips again, with the settings of the run in which they failed.

    Example: `python -m extract retry tsm.h5`
    """
    from extract.extraction import MachineChanges

    changes = MachineChanges(device=device, workers=workers or usable_cores())
    _resume(out, shard, changes, retry=True, as_json=as_json)


def _extract(extraction: "Extraction", only: int | None, *, as_json: bool) -> None:
    """Begin or resume a run that was given in full."""
    from common.progress import progress_bars
    from extract.extraction import RunControl
    from extract.run import extract

    with stop_signals() as stop, progress_bars() as bar:
        control = RunControl(only, stop=stop, progress=bar("extract", "clips"), notify=notify)
        failures = extract(extraction, control)
    print_outcome(extraction.cache, failures, only, as_json=as_json)


def _resume(out: Path, shard: str | None, changes: "MachineChanges", *, retry: bool = False, as_json: bool) -> None:
    """Resume a planned run."""
    from common.progress import progress_bars
    from extract.extraction import RunControl
    from extract.run import ResumedRun
    from extract.shards.ledger import LedgerRow
    from extract.shards.run_folder import RunFolder

    run = ResumedRun(out, changes)

    def work(only: int | None) -> dict[str, LedgerRow]:
        with progress_bars() as bar:
            progress = bar("retry" if retry else "extract", "clips")
            return run.work(RunControl(only, retry=retry, stop=stop, progress=progress))

    with stop_signals() as stop:
        if shard == GIVEN:
            take_given_shards(out, stop, work)
            return
        only = shard_of_plan(shard, RunFolder(out).plan.shards)
        failures = work(only)
    print_outcome(out, failures, only, as_json=as_json)


def _refuse_options_of_a_plan(context: typer.Context) -> None:
    for name in context.params.keys() - FREE_OPTIONS:
        if _is_given(context, name):
            option = name.rstrip("_").replace("_", "-")
            raise UserError(f"--{option} is part of the plan; give the clips too, as in `run CLIPS --{option} …`")


def _is_given(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"
