"""Command line of the extraction: videos and skeletons to a feature cache, and what keeps that cache honest."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from common.command_line import new_app, run_cli
from common.cores import usable_cores
from common.errors import UserError
from common.options import Device, Json, Workers
from extract.cache import check_cache
from extract.cluster.submit import submit
from extract.commands.options import (
    Backbone,
    CacheFile,
    Compile,
    Decoder,
    Frames,
    ImageSize,
    Precision,
    Weights,
    recipe_of,
)
from extract.commands.run import conclude, plan, retry, run
from extract.commands.train_vacnn import train_vacnn
from extract.commands.weights import app as weights_app
from extract.diff import diff
from extract.shards.merge import is_merged
from extract.shards.merge import merge as merge_parts
from extract.shards.run_folder import RunFolder
from extract.shards.status import status
from extract.skeletons.command import bench_reader

BENCH_CLIPS = "Clips to measure on, 320x240 XviD of 186 frames, drawn here; default: 24, 600 on a GPU."

app = new_app(__doc__)
for command in (plan, run, submit, status, retry):
    app.command()(command)


@app.command()
def merge(out: CacheFile) -> None:
    """Make the cache of its finished parts, as `run` does at its end.

    Example: `python -m extract merge tsm.h5`
    """
    conclude(out, merge_parts(RunFolder(out)))


@app.command()
def verify(out: CacheFile, as_json: Json = False) -> None:
    """Check a cache against its checksum, and its parts against theirs.

    Example: `python -m extract verify tsm.h5`
    """
    facts, run = check_cache(out), RunFolder(out)
    begun = run.folder.exists()  # parts may be thrown away once the cache is there
    damaged = [str(record.relative_to(run.folder)) for record in run.damaged_parts()] if begun else []
    missing = run.missing() if begun else []
    as_merged = not begun or is_merged(run, run.done())
    if as_json:
        findings = {"damaged_parts": damaged, "missing_clips": missing, "as_merged": as_merged}
        print(json.dumps(asdict(facts) | findings))
    else:
        print(f"{out}: {facts.valid} of {facts.clips} clips valid, features {(facts.segments, facts.feature_dim)}")
        print(f"content sha256 {facts.content_sha256}: as written")
        for key, value in sorted(facts.settings.items()):
            print(f"  {key}: {value}")
    wrong = [
        f"parts {', '.join(damaged)} are damaged" if damaged else "",
        f"{len(missing)} clips are missing (first: {missing[0]})" if missing else "",
        "" if damaged or missing or as_merged else "the cache is not the one that was merged of its parts",
    ]
    if any(wrong):
        raise UserError(f"{'; '.join(filter(None, wrong))}; `python -m extract run --out {out}` mends it")


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what this machine has, and which decoders return the right frames: of XviD, and of a trimmed MP4.

    Example: `python -m extract doctor`
    """
    from extract.doctor import check_decoders, describe

    machine, decoders = describe(), check_decoders()
    if as_json:
        print(json.dumps({"machine": machine, "decoders": decoders}))
    else:
        for title, facts in (("this machine", machine), ("decoders", decoders)):
            table = Table(title=title, show_header=False, title_justify="left")
            for name, value in facts.items():
                table.add_row(name, value)
            Console(markup=False).print(table)  # [lite0] is no colour
    if decoders["pyav"] != "exact":
        raise UserError("PyAV does not decode exactly here; reinstall the locked version: make setup")


@app.command()
def bench(
    backbone: Backbone = "efficientnet_lite0",
    weights: Weights = "timm-package",
    frames_per_segment: Frames = 8,
    image_size: ImageSize = None,
    precision: Precision = "fp32",
    device: Device = "auto",
    workers: Workers = None,
    decoder: Decoder = "pyav",
    compile_: Compile = False,
    clips: Annotated[int | None, typer.Option(min=2, help=BENCH_CLIPS)] = None,
    as_json: Json = False,
) -> None:
    """Measure clips/s of decoding, of the network and end to end, against a plain loop; where the time goes; memory.

    Example: `python -m extract bench --backbone tsm_resnet50 --weights random --device cuda --precision bf16`
    """
    from common.device import choose_device
    from extract.bench import bench as measure
    from extract.machine import Machine

    recipe = recipe_of(
        backbone=backbone,
        weights=weights,
        frames_per_segment=frames_per_segment,
        image_size=image_size,
        precision=precision,
    )
    machine = Machine(device=device, workers=workers or usable_cores(), decoder=decoder, compiled=compile_)
    figures = measure(recipe, machine, clips or (24 if choose_device(device) == "cpu" else 600))
    if as_json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:>28}  {value:.3g}" if isinstance(value, float) else f"{name:>28}  {value}")


app.command()(diff)
app.add_typer(weights_app, name="weights")
app.command("train-vacnn")(train_vacnn)
app.command("bench-reader")(bench_reader)

if __name__ == "__main__":
    run_cli(app)
