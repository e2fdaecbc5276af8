"""The verbs that make a cache: `plan` freezes a run, `run` does it or a shard of it, `retry` takes what failed."""

import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from common.cores import usable_cores
from common.errors import UserError
from common.exits import STOPPED
from common.options import Device, Workers
from extract.cache import check_cache
from extract.commands.options import (
    Backbone,
    CacheFile,
    Column,
    Compile,
    Decoder,
    Frames,
    ImageSize,
    Out,
    Pictures,
    Precision,
    Segments,
    Weights,
    recipe_of,
)
from extract.shards.run_folder import RunFolder
from extract.shards.shard_folder import LedgerRow

CLIPS = "A manifest, a folder, a list of paths, tar archives (shards/{000..099}.tar), or a URL of one of them."
VIDEOS = "Folder, URL or tar archives that the paths are relative to."
SHARD = "I/N, from 0/N: only this piece. Default: SLURM's or Kubernetes' index where the plan has several, else all."
THREADS = "torch's threads on a CPU; they decide the last bits."
DEADLINE = "Seconds without a new frame before a clip's decoder is killed."
SHARD_VARIABLES = ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX")


def plan(
    clips: Annotated[str, typer.Argument(help=CLIPS)],
    out: Out,
    shards: Annotated[int, typer.Option(min=1, help="How many pieces; each is one job of a cluster.")],
    videos: Annotated[str | None, typer.Option(help=VIDEOS)] = None,
    backbone: Backbone = "tsm_resnet50",
    weights: Weights = "tsm-r50-8f-kinetics400",
    frames_per_segment: Frames = 8,
    segments: Segments = 10,
    image_size: ImageSize = None,
    precision: Precision = "fp32",
    column: Column = "path",
    pictures: Pictures = "segment",
    decoder: Decoder = "pyav",
    compile_: Compile = False,
    threads: Annotated[int, typer.Option(min=1, help=THREADS)] = 1,
) -> None:
    """Freeze a run: which clips, in which shard, and how their features are made. Nothing is decoded yet.

    Shards are balanced by the frames to expect, and a clip's shard hangs on its id alone: planned again with more
    videos, what is done stays done.

    Example: `python -m extract plan k400.csv --videos /data/k400 --out tsm.h5 --shards 64 --precision bf16`
    """
    from extract.doctor import check_decoder
    from extract.machine import Machine
    from extract.run import load_network
    from extract.shards.plan import make_plan
    from extract.shards.run_shards import refuse_replaced
    from extract.sources.inputs import read_clips

    recipe = recipe_of(
        backbone=backbone,
        weights=weights,
        segments=segments,
        frames_per_segment=frames_per_segment,
        image_size=image_size,
        precision=precision,
        column=column,
        pictures=pictures,
    )
    machine = Machine(workers=usable_cores(), decoder=decoder, compiled=compile_, threads=threads)
    if load_network(recipe, replace(machine, device="cpu", compiled=False)).backbone.input == "video":
        check_decoder(decoder)  # a slip of the pen is told now, not by every worker
    planned = RunFolder(out)
    frozen, rows = planned.keep_shards(*make_plan(clips, read_clips(clips, videos, column), recipe, machine, shards))
    refuse_replaced(planned, rows, frozen)
    if changes := planned.begin(frozen, rows):
        print(f"{out}: its list of clips changed: {changes}; the features of the others are used again")
    sizes = rows.groupby("shard").size().reindex(range(shards), fill_value=0)
    print(f"{out}: {len(rows)} clips in {shards} shards of {sizes.min()} to {sizes.max()} clips")
    print(f"each: python -m extract run --out {out} --shard I/{shards}    all of them: python -m extract submit {out}")


def run(
    context: typer.Context,
    out: Out,
    clips: Annotated[str | None, typer.Argument(help=f"{CLIPS} Left out: go on as planned.")] = None,
    videos: Annotated[str | None, typer.Option(help=VIDEOS)] = None,
    shard: Annotated[str | None, typer.Option(help=SHARD)] = None,
    backbone: Backbone = "tsm_resnet50",
    weights: Weights = "tsm-r50-8f-kinetics400",
    frames_per_segment: Frames = 8,
    segments: Segments = 10,
    image_size: ImageSize = None,
    precision: Precision = "fp32",
    column: Column = "path",
    pictures: Pictures = "segment",
    decoder: Decoder = "pyav",
    compile_: Compile = False,
    threads: Annotated[int | None, typer.Option(min=1, help=THREADS)] = None,
    device: Device = "auto",
    workers: Workers = None,
    deadline: Annotated[float, typer.Option(min=0.1, help=DEADLINE)] = 60.0,
) -> None:
    """Make the feature cache. Interrupted or killed, the same command goes on where it was.

    Exit status 3 when clips failed; they are in the ledgers with the reason, and `retry` takes them. SIGTERM and
    SIGUSR1 finish the current clip and end it with 143. The worker that finds every shard done makes the cache.

    Example: `python -m extract run ucf101.csv --videos /data/UCF-101 --out tsm.h5 --device cuda --precision bf16`

    Example: `python -m extract run --out tsm.h5 --shard 3/16`
    """
    from common.progress import progress_bars
    from extract.machine import Machine
    from extract.run import extract, go_on

    _refuse_half_a_plan(context, clips)
    only = _shard(shard, RunFolder(out).plan.shards) if clips is None else None
    with _stop_signals() as stop, progress_bars() as bar:
        progress = bar("extract", "clips")
        if clips is None:
            failures = go_on(
                out,
                only=only,
                device=device if _given(context, "device") else None,
                workers=workers or usable_cores(),
                deadline=deadline if _given(context, "deadline") else None,
                stop=stop,
                progress=progress,
            )
        else:
            recipe = recipe_of(
                backbone=backbone,
                weights=weights,
                segments=segments,
                frames_per_segment=frames_per_segment,
                image_size=image_size,
                precision=precision,
                column=column,
                pictures=pictures,
            )
            machine = Machine(device, workers or usable_cores(), deadline, decoder, compile_, threads)
            only, shards = _parse(shard) if shard else (None, 1)
            failures = extract(
                clips, videos, out, recipe, machine, shards=shards, only=only, stop=stop, progress=progress, say=_say
            )
    conclude(out, failures, only)


def retry(
    out: CacheFile,
    shard: Annotated[str | None, typer.Option(help=SHARD)] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1; default: as in that run.")] = None,
    workers: Workers = None,
) -> None:
    """Try the failed clips again, everything as in the run that failed.

    Example: `python -m extract retry tsm.h5`
    """
    from common.progress import progress_bars
    from extract.run import go_on

    only = _shard(shard, RunFolder(out).plan.shards)
    with _stop_signals() as stop, progress_bars() as bar:
        failures = go_on(
            out,
            only=only,
            retry=True,
            device=device,
            workers=workers or usable_cores(),
            stop=stop,
            progress=bar("retry", "clips"),
        )
    conclude(out, failures, only)


def conclude(out: Path, failures: dict[str, LedgerRow], only: int | None = None) -> None:
    """Say what has become of a run or of one shard, and end with status 3 if clips failed."""
    unfinished = RunFolder(out).unfinished()
    if only is not None:
        print(f"shard {only} of {out} is {'not done' if only in unfinished else 'done'}; {len(unfinished)} are not yet")
    elif unfinished:
        print(f"{out} is not made yet: clips are missing in {len(unfinished)} shards; `run` goes on")
    else:
        facts = check_cache(out)
        print(f"{out}: {facts.valid} of {facts.clips} clips, content sha256 {facts.content_sha256[:16]}")
    if failures:
        table = Table(title="failed clips", title_justify="left")
        for column in ("clip", "stage", "reason", "attempts"):
            table.add_column(column, overflow="fold")
        for row in list(failures.values())[:20]:
            table.add_row(row.clip_id, row.stage, row.reason, str(row.attempt))
        Console(stderr=True, markup=False).print(table)
        print(f"{len(failures)} clips failed; all are in {RunFolder(out).folder / 'shards' / '*' / 'failures.jsonl'}")
        raise typer.Exit(3)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


@contextlib.contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Give what a scheduler sets by SIGTERM or SIGUSR1; a run that it has stopped ends with a sentence."""
    from extract.shards.run_shards import Stopped

    stop = threading.Event()
    signals = (signal.SIGTERM, signal.SIGUSR1)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in signals}
    try:
        yield stop
    except Stopped:
        print("stopped: what was finished is kept; run the same command to go on", file=sys.stderr)
        raise typer.Exit(STOPPED) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refuse_half_a_plan(context: typer.Context, clips: str | None) -> None:
    own = {"context", "out", "shard", "device", "workers", "deadline"}  # a worker's own business
    if clips is None:
        for name in context.params.keys() - own:
            if _given(context, name):
                option = name.rstrip("_").replace("_", "-")
                raise UserError(f"--{option} is part of the plan; give the clips too, as in `run CLIPS --{option} …`")


def _given(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


def _shard(given: str | None, shards: int) -> int | None:
    """Return which shard to work on: as given, else the scheduler's index where there are several; None: all."""
    if given:
        shard, of = _parse(given)
        if of != shards:
            raise UserError(f"--shard {given}: the run was planned with {shards} shards; give {shard}/{shards}")
        return shard
    index = next((os.environ[name] for name in SHARD_VARIABLES if os.environ.get(name)), None)
    if index is None or shards == 1:
        return None
    if not index.isdecimal() or int(index) >= shards:
        raise UserError(
            f"the scheduler's index is {index}, and the shards are 0 to {shards - 1}: --array=0-{shards - 1}"
        )
    return int(index)


def _parse(given: str) -> tuple[int, int]:
    parts = re.fullmatch(r"(\d+)/(\d+)", given)
    if not parts or int(parts[1]) >= int(parts[2]):
        raise UserError(f"--shard {given}: give I/N with I from 0 to N-1, as in 0/16")
    return int(parts[1]), int(parts[2])
