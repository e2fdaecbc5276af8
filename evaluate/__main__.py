"""Command line of the evaluation: reproduce a recipe from its videos, score anybody's predictions."""

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from evaluate.predictions import Scores
from manifests.command_line import new_app, run_cli
from manifests.recipe import read_recipe
from manifests.schema import read_manifest

app = new_app(__doc__)


@app.command()
def reproduce(
    recipe: Annotated[Path, typer.Argument(help="A recipe's file, or the name of one that comes with the project.")],
    videos: Annotated[Path | None, typer.Option(help="Folder of the data set's files: videos, skeletons.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of all that is made; default: out/RECIPE.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="A manifest of your own instead of the one built.")] = None,
    cache: Annotated[
        list[str] | None,
        typer.Option(help="A feature cache made elsewhere, of which nothing is extracted; of a stream as NAME=FILE."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Decode processes.")] = min(os.cpu_count() or 1, 8),
    deadline: Annotated[float, typer.Option(min=0.1, help="Seconds a clip may take to decode.")] = 60.0,
    skip_failed: Annotated[bool, typer.Option(help="Go on without clips that failed, as a subset.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Run what is missing from raw videos to the table and the figure, and print the table.

    Killed at any moment, the same command goes on where it was.

    Examples:

    - `python -m evaluate reproduce stick-figures`

    - `python -m evaluate reproduce ucf101 --videos /data/UCF-101 --device cuda`

    - `python -m evaluate reproduce mine.toml --manifest mine.csv --cache rgb=rgb.h5 --cache skeleton=va.h5`
    """
    from distill.cache_options import name_caches
    from evaluate.inputs import Bars, Inputs
    from evaluate.reproduce import reproduce as run
    from extract.run import Machine
    from extract.terminal import progress_bars

    chosen = read_recipe(recipe)
    caches = name_caches(chosen, cache or [])
    inputs = Inputs(out or Path("out") / chosen.name, videos, manifest, caches, skip_failed)
    machine = Machine(device=device, workers=workers, deadline=deadline)
    with progress_bars() as bar:
        bars = Bars(bar("extract", "clips"), bar("train VA-CNN", "epochs"), bar("train", "epochs"))
        result = run(chosen, inputs, machine, say=Console(stderr=True, markup=False).print, bars=bars)
    if json_:
        scores = [as_json(score) for runs in result.scores.values() for score in runs]
        print(json.dumps({"scores": scores, "seconds": result.seconds}))
        return
    print(result.table.read_text(encoding="utf-8"))
    print(f"table: {result.table} (also .csv, .tex)\nfigure: {result.figure} (also .svg)")
    print(", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in result.seconds.items()))


@app.command()
def score(
    predictions: Annotated[list[Path], typer.Argument(help="Predictions files, of any methods and seeds.")],
    manifest: Annotated[Path, typer.Option(help="The manifest with the test labels.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write table.* and figure.* into.")] = None,
) -> None:
    """Score predictions files, ours or anybody's, and print their table.

    Example: `python -m evaluate score mine/*.h5 --manifest ucf101.csv --out mine`
    """
    from evaluate.predictions import read_predictions
    from evaluate.predictions import score as score_one
    from evaluate.results import published_beside, write_results
    from evaluate.table import make_table, render_markdown

    clips = read_manifest(manifest)
    scores = defaultdict(list)
    for path in predictions:
        scored = score_one(read_predictions(path), clips)
        scores[scored.method].append(scored)
    table = make_table(scores, published_beside(clips, scores))
    print(render_markdown(table))
    if out is not None:
        write_results(out, clips, scores)
        print(f"written: {out / 'table.md'}, .csv, .tex; {out / 'figure.png'}, .svg")


def as_json(scores: Scores) -> dict[str, object]:
    """Return scores as plain values."""
    return {
        "method": scores.method,
        "seed": scores.seed,
        "protocol": scores.protocol,
        "accuracy": scores.accuracy.tolist(),
        "top5": scores.top5.tolist(),
        "auc_mean": scores.auc_mean,
        "auc_trapezoid": scores.auc_trapezoid,
        "clips": dict(scores.clips),
    }


if __name__ == "__main__":
    run_cli(app)
