"""Command line of the extraction: videos and skeletons to a feature cache, and what keeps that cache honest."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from extract.cache import read_cache
from extract.parts import LedgerRow, PartsFolder
from extract.skeletons.command import bench_reader
from extract.va_cnn.command import train_vacnn
from extract.weights_command import app as weights_app
from manifests.command_line import new_app, run_cli
from manifests.errors import UserError
from manifests.recipe import Extract

app = new_app(__doc__)
app.add_typer(weights_app, name="weights")
app.command("train-vacnn")(train_vacnn)
app.command("bench-reader")(bench_reader)

ManifestFile = Annotated[Path, typer.Argument(help="The manifest's CSV.")]
CacheFile = Annotated[Path, typer.Argument(help="The feature cache (HDF5).")]
Videos = Annotated[Path, typer.Option(help="Folder the manifest's paths are relative to.")]
Out = Annotated[Path, typer.Option(help="The feature cache to make (HDF5).")]
Backbone = Annotated[
    str, typer.Option(help="tsm_resnet50, efficientnet_lite0, timm:NAME, va_cnn, joints, joint_statistics, …")
]
Pictures = Annotated[str, typer.Option(help="What va_cnn sees: segment, beginning (up to its end), or both.")]
Column = Annotated[str, typer.Option(help="The manifest's column of the files; path_skeleton is another.")]
Weights = Annotated[str, typer.Option(help="A name of `weights list`, a file, timm-package, random, or none.")]
Frames = Annotated[int, typer.Option(help="Frames in each segment.")]
Segments = Annotated[int, typer.Option(help="Segments in each clip; the paper has 10.")]
ImageSize = Annotated[int | None, typer.Option(help="Side of the square the network sees; default: its own.")]
Precision = Annotated[str, typer.Option(help="fp32, bf16 or fp16.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")]
Workers = Annotated[int, typer.Option(min=1, help="Decode processes; default: one a core, at most 8.")]
Deadline = Annotated[
    float, typer.Option(min=0.1, help="Seconds a clip may take to decode before its decoder is killed.")
]
Decoder = Annotated[str, typer.Option(help="pyav, or decord where `doctor` finds it exact.")]
Compile = Annotated[bool, typer.Option("--compile", help="Run the network through torch.compile.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")]

WORKERS = min(os.cpu_count() or 1, 8)


@app.command()
def run(
    manifest: ManifestFile,
    videos: Videos,
    out: Out,
    backbone: Backbone = "tsm_resnet50",
    weights: Weights = "tsm-r50-8f-kinetics400",
    frames_per_segment: Frames = 8,
    segments: Segments = 10,
    image_size: ImageSize = None,
    precision: Precision = "fp32",
    column: Column = "path",
    pictures: Pictures = "segment",
    device: Device = "auto",
    workers: Workers = WORKERS,
    deadline: Deadline = 60.0,
    decoder: Decoder = "pyav",
    compile_: Compile = False,
) -> None:
    """Make the feature cache of a manifest. Interrupted or killed, the same command goes on where it was.

    Exit status 3 when clips failed; they are in OUT.run/failures.jsonl with the reason, and `retry` takes them.

    Example: `python -m extract run ucf101.csv --videos /data/UCF-101 --out tsm.h5 --device cuda --precision bf16`
    """
    from extract.run import Machine, extract  # torch: only where it is needed
    from extract.terminal import progress_bars

    recipe = _recipe(backbone, weights, segments, frames_per_segment, image_size, precision, column, pictures)
    machine = Machine(device=device, workers=workers, deadline=deadline, decoder=decoder, compiled=compile_)
    with progress_bars() as bar:
        failures = extract(manifest, videos, out, recipe, machine, progress=bar("extract", "clips"))
    _conclude(out, failures)


@app.command()
def retry(out: CacheFile) -> None:
    """Try the failed clips again, with the manifest, videos and settings of the `run` that failed.

    Example: `python -m extract retry tsm.h5`
    """
    from extract.run import retry_failed
    from extract.terminal import progress_bars

    with progress_bars() as bar:
        failures = retry_failed(out, progress=bar("retry", "clips"))
    _conclude(out, failures)


@app.command()
def merge(out: CacheFile) -> None:
    """Make the cache of its finished parts, as `run` does at its end.

    Example: `python -m extract merge tsm.h5`
    """
    PartsFolder(out).settings()  # refuses where nothing was begun, before a folder is made
    with PartsFolder(out) as parts:
        _conclude(out, parts.merge())


@app.command()
def verify(out: CacheFile, as_json: Json = False) -> None:
    """Check a cache against its checksum, and its parts against theirs.

    Example: `python -m extract verify tsm.h5`
    """
    cache = read_cache(out)
    parts = PartsFolder(out)
    damaged = [record.stem for record in parts.damaged_parts()]
    facts = {
        "clips": len(cache.clip_id),
        "valid": int(cache.valid.sum()),
        "segments": cache.features.shape[1],
        "feature_dim": cache.features.shape[2],
        "content_sha256": cache.content_sha256,
        "damaged_parts": damaged,
        "settings": cache.settings,
    }
    if as_json:
        print(json.dumps(facts))
    else:
        print(f"{out}: {facts['valid']} of {facts['clips']} clips valid, features {cache.features.shape[1:]}")
        print(f"content sha256 {cache.content_sha256}: as written")
        for key, value in sorted(cache.settings.items()):
            print(f"  {key}: {value}")
    if damaged:
        raise UserError(f"parts {', '.join(damaged)} are damaged; `run` makes them again")


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what this machine has, and which decoders return the right frames of an XviD clip with B-frames.

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
    workers: Workers = WORKERS,
    decoder: Decoder = "pyav",
    compile_: Compile = False,
    clips: Annotated[int, typer.Option(min=2, help="Clips to measure on; 320x240 XviD, 186 frames, drawn here.")] = 24,
    as_json: Json = False,
) -> None:
    """Measure decode-only, model-only and end-to-end clips/s, and peak memory for 10 times the clips.

    Example: `python -m extract bench --backbone tsm_resnet50 --weights random --device cuda --precision bf16`
    """
    from extract.bench import bench as measure
    from extract.run import Machine

    recipe = _recipe(backbone, weights, 10, frames_per_segment, image_size, precision)
    machine = Machine(device=device, workers=workers, decoder=decoder, compiled=compile_)
    figures = measure(recipe, machine, clips)
    if as_json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:>28}  {value:.3g}" if isinstance(value, float) else f"{name:>28}  {value}")


def _recipe(
    backbone: str,
    weights: str,
    segments: int,
    frames_per_segment: int,
    image_size: int | None,
    precision: str,
    column: str = "path",
    pictures: str = "segment",
) -> Extract:
    from manifests.tables import parse_table

    return parse_table(
        Extract,
        {
            "backbone": backbone,
            "weights": weights,
            "segments": segments,
            "frames_per_segment": frames_per_segment,
            "image_size": image_size,
            "precision": precision,
            "column": column,
            "pictures": pictures,
        },
        "options",
    )


def _conclude(out: Path, failures: dict[str, LedgerRow]) -> None:
    cache = read_cache(out)
    print(f"{out}: {int(cache.valid.sum())} of {len(cache.clip_id)} clips, content sha256 {cache.content_sha256[:16]}")
    if failures:
        table = Table(title="failed clips", title_justify="left")
        for column in ("clip", "stage", "reason", "attempts"):
            table.add_column(column, overflow="fold")
        for row in list(failures.values())[:20]:
            table.add_row(row.clip_id, row.stage, row.reason, str(row.attempt))
        Console(stderr=True, markup=False).print(table)
        print(f"{len(failures)} clips failed; all are in {PartsFolder(out).folder / 'failures.jsonl'}")
        raise typer.Exit(3)


if __name__ == "__main__":
    run_cli(app)
