"""Command line of the evaluation: reproduce a recipe from its videos, score anybody's predictions."""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from common.callbacks import ProgressCallback
from common.command_line import new_app, run_cli
from common.errors import UserError
from evaluate.commands.check import check
from evaluate.pipeline.inputs import Bars
from evaluate.scoring.scores import Scores
from evaluate.tables.suite_table import as_json as rows_as_json
from manifests.manifest import read_manifest
from manifests.recipes.recipe import read_recipe

if TYPE_CHECKING:  # it loads torch, which --help does without
    from evaluate.pipeline.suite import SuiteResult

app = new_app(__doc__)


@app.command()
def reproduce(
    recipe: Annotated[
        Path,
        typer.Argument(
            help="A recipe or a suite: its file, or its name (ucf101, table1) if it comes with the project."
        ),
    ],
    videos: Annotated[
        list[str] | None,
        typer.Option(help="Folder of the data set's files: videos, skeletons; of a suite's recipe as NAME=DIR."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of all that is made; default: out/NAME.")] = None,
    manifest: Annotated[
        list[str] | None,
        typer.Option(help="A manifest of your own instead of the one built; of a suite's recipe as NAME=FILE."),
    ] = None,
    cache: Annotated[
        list[str] | None,
        typer.Option(
            help="A feature cache made elsewhere, of which nothing is extracted; of a stream as NAME=FILE, "
            "of a suite's recipe as NAME=FILE or NAME.STREAM=FILE."
        ),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds instead of the recipe's, as in 0,1,2.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Decode processes.")] = min(os.cpu_count() or 1, 8),
    deadline: Annotated[
        float, typer.Option(min=0.1, help="Seconds without a new frame before a clip's decoder is killed.")
    ] = 60.0,
    skip_failed: Annotated[bool, typer.Option(help="Go on without clips that failed, as a subset.")] = False,
    get_weights: Annotated[
        bool, typer.Option("--get-weights", help="Download released weights that are needed and not here.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Run what is missing from raw videos to the table and the figure, and print the table.

    Of one recipe, or of a suite: all rows of a table of the paper, with the differences from what is printed there.
    A data set that is not given is not run. Killed at any moment, the same command goes on where it was.

    Examples:

    - `python -m evaluate reproduce stick-figures`

    - `python -m evaluate reproduce ucf101 --videos /data/UCF-101 --device cuda`

    - `python -m evaluate reproduce mine.toml --manifest mine.csv --cache rgb=rgb.h5 --cache skeleton=va.h5`

    - `python -m evaluate reproduce table1 --videos ucf101=/data/UCF-101 --videos sysu=/data/SYSU3DAction/3DvideoNorm`
    """
    from common.progress import progress_bars
    from evaluate.commands.options import Given, inputs_of_recipe, inputs_of_suite, with_seeds
    from evaluate.pipeline.reproduction import reproduce as run
    from evaluate.pipeline.suite import run_suite
    from extract.machine import Machine
    from manifests.recipes.suite import find_suite, merge_rows, read_suite

    given = Given(videos or [], manifest or [], cache or [], skip_failed, get_weights)
    machine = Machine(device=device, workers=workers, deadline=deadline)
    say = Console(stderr=True, markup=False).print
    found = find_suite(recipe)
    if found is not None:
        suite, rows = read_suite(found)
        rows = [with_seeds(row, seeds) for row in rows]
        folder = out or Path("out") / suite.name
        inputs_of = inputs_of_suite(merge_rows(rows), folder, given)
        with progress_bars() as bar:
            ended = run_suite(
                suite, rows, folder, inputs_of, machine, say=say, bars=lambda name: _bars(bar, f" of {name}")
            )
        _tell_suite(ended, json_)
        return
    chosen = with_seeds(read_recipe(recipe), seeds)
    inputs = inputs_of_recipe(chosen, out or Path("out") / chosen.name, given)
    with progress_bars() as bar:
        result = run(chosen, inputs, machine, say=say, bars=_bars(bar))
    if json_:
        scores = [as_json(score) for runs in result.scores.values() for score in runs]
        print(json.dumps({"scores": scores, "seconds": result.seconds}))
        return
    _tell_results(result.table.parent)
    print(_listed(result.seconds))


@app.command()
def score(
    predictions: Annotated[list[Path], typer.Argument(help="Predictions files, of any methods and seeds.")],
    manifest: Annotated[Path, typer.Option(help="The manifest with the test labels.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write tables and figure into.")] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Name of the method that the others are compared with; default: Without distillation."),
    ] = None,
) -> None:
    """Score predictions files, ours or anybody's, and print their table; with --out also what compares them.

    Example: `python -m evaluate score mine/*.h5 --manifest ucf101.csv --out mine`
    """
    from evaluate.pipeline.results import published_beside, write_results
    from evaluate.scoring.comparison import baseline_of
    from evaluate.scoring.predictions import read_predictions
    from evaluate.scoring.scores import score_predictions as score_one
    from evaluate.tables.published_table import make_table, render_markdown

    clips = read_manifest(manifest)
    scores = defaultdict(list)
    for path in predictions:
        scored = score_one(read_predictions(path), clips)
        scores[scored.method].append(scored)
    if baseline is not None and not any(baseline_of(method, scores, baseline) for method in scores):
        raise UserError(f"--baseline {baseline}: no other method has it as its baseline; there is {', '.join(scores)}")
    if out is None:
        print(render_markdown(make_table(scores, published_beside(clips, scores))))
        return
    write_results(out, clips, scores, baseline or "Without distillation")
    _tell_results(out)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs, made by `reproduce`.")],
    manifest: Annotated[Path | None, typer.Option(help="The manifest of the runs; default: the first run's.")] = None,
    videos: Annotated[Path | None, typer.Option(help="Folder of the data set's files, for key frames.")] = None,
    out: Annotated[Path | None, typer.Option(help="The page; default: report.html in the first run.")] = None,
    baseline: Annotated[str | None, typer.Option(help="Method compared with; default: without distillation.")] = None,
    method: Annotated[str | None, typer.Option(help="Method looked into; default: with distillation.")] = None,
) -> None:
    """Write one HTML page about finished runs that needs nothing beside it: tables, curves, single clips.

    Example: `python -m evaluate report out/utd-mhad-skeleton --videos /data/utd_mhad`
    """
    from evaluate.report.page import write_report

    page = out or runs[0] / "report.html"
    write_report(runs, page, manifest=manifest, videos=videos, method=method, baseline=baseline)
    print(f"report: {page} ({page.stat().st_size / 1e6:.1f} MB)")


app.command()(check)


def _tell_results(folder: Path) -> None:
    """Print the table that `write_results` wrote, and the comparison with the baseline if there is one."""
    print((folder / "table.md").read_text(encoding="utf-8"))
    compared = folder / "comparison.md"
    if compared.exists():
        print(compared.read_text(encoding="utf-8"))
    names = ["table", *(["comparison"] if compared.exists() else []), "beyond"]
    print(f"in {folder}: {', '.join(names)} (.md, .csv), table.tex, figure (.png, .svg)")


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


def _bars(bar: Callable[[str, str], ProgressCallback], of: str = "") -> Bars:
    weights = bar(f"get weights{of}", "MB")
    return Bars(weights, bar(f"extract{of}", "clips"), bar(f"train VA-CNN{of}", "epochs"), bar(f"train{of}", "epochs"))


def _tell_suite(ended: "SuiteResult", json_: bool) -> None:
    """Print the table of a suite and where the rest is, or all numbers as JSON."""
    if json_:
        each = [as_json(score) for _, result in ended.results for runs in result.scores.values() for score in runs]
        seconds = [{"base": recipe.name, **result.seconds} for recipe, result in ended.results]
        print(json.dumps({"rows": rows_as_json(ended.sections), "scores": each, "seconds": seconds}))
        return
    print(ended.table.read_text(encoding="utf-8"))
    print(f"table: {ended.table} (also .csv, .tex)")
    for recipe, result in ended.results:
        print(f"{recipe.name}: {_listed(result.seconds)}; {result.table.parent} has its own table and comparison")
        print(f"figure: {result.figure} (also .svg)")


def _listed(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{stage} {number:.0f} s" for stage, number in seconds.items())


if __name__ == "__main__":
    run_cli(app)
