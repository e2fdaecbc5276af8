"""`python -m evaluate reproduce`: a recipe or a suite, from the files of a data set to the table."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.callbacks import ProgressCallback
from common.exits import resumable
from common.log import notify
from common.options import Device, Json, Runtime, with_logs

if TYPE_CHECKING:  # they load torch, which --help does without
    from evaluate.pipeline.inputs import StageProgress
    from evaluate.pipeline.reproduction import Result
    from evaluate.pipeline.suite import SuiteResult


@resumable
@with_logs
def reproduce(
    recipe: Annotated[
        Path,
        typer.Argument(
            help="A recipe or a suite: its file, or its name (ucf101, table1) if it comes with the project."
        ),
    ],
    videos: Annotated[
        list[str] | None,
        typer.Option(help="Folder of the data set's files: videos, skeletons; for a suite as RECIPE=DIR."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for everything that is made; default: out/NAME.")] = None,
    manifest: Annotated[
        list[str] | None,
        typer.Option(help="Your own manifest; default: it is built from the files. For a suite as RECIPE=FILE."),
    ] = None,
    cache: Annotated[
        list[str] | None,
        typer.Option(
            help="A feature cache that exists already, so that nothing is extracted; as STREAM=FILE if the recipe has "
            "several streams, for a suite as RECIPE=FILE or RECIPE.STREAM=FILE."
        ),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds instead of the recipe's, as in 0,1,2.")] = None,
    device: Device = "auto",
    runtime: Runtime = "auto",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Decode processes; default: one a core, at most 8.")
    ] = None,
    deadline: Annotated[
        float, typer.Option(min=0.1, help="Seconds without a new frame after which a clip's decoder is killed.")
    ] = 60.0,
    skip_failed: Annotated[
        bool, typer.Option(help="Continue without the clips that failed, under the protocol's name with -subset.")
    ] = False,
    get_weights: Annotated[
        bool, typer.Option("--get-weights", help="Download the released weights that are needed and missing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run all stages from raw videos to the tables and the figure, and print a short table.

    A recipe makes one table. A suite makes a whole table of the paper, with the differences from the printed numbers;
    its recipes that get no data are left out. Finished work is not repeated. After an interruption, the same command
    resumes.

    Examples:

    - `python -m evaluate reproduce stick-figures`

    - `python -m evaluate reproduce ucf101 --videos /data/UCF-101 --device cuda`

    - `python -m evaluate reproduce mine.toml --manifest mine.csv --cache rgb=rgb.h5 --cache skeleton=va.h5`

    - `python -m evaluate reproduce table1 --videos ucf101=/data/UCF-101 --videos sysu=/data/SYSU3DAction/3DvideoNorm`
    """
    from evaluate.commands.options import InputOptions, current_name, inputs_of_recipe, inputs_of_suite, with_seeds
    from manifests.recipes.recipe import read_recipe
    from manifests.recipes.suite import find_suite, merge_rows, read_suite

    recipe = current_name(recipe)
    suite_file = find_suite(recipe)
    suite, rows = read_suite(suite_file) if suite_file else (None, [read_recipe(recipe)])
    rows = [with_seeds(row, seeds) for row in rows]

    # These load torch, so a misspelt recipe is refused before.
    from common.progress import progress_bars
    from distill.whole_recipe import complete_recipe
    from evaluate.pipeline.inputs import SuiteInputs, default_workers
    from evaluate.pipeline.reproduction import reproduce as run
    from evaluate.pipeline.suite import run_suite
    from extract.machine import Machine

    options = InputOptions(videos or [], manifest or [], cache or [], skip_failed, get_weights)
    machine = Machine(device=device, workers=workers or default_workers(), deadline=deadline, runtime=runtime)
    folder = out or Path("out") / (rows[0] if suite is None else suite).name
    if suite is None:
        complete_recipe(rows[0], recipe)  # checks the methods; its messages name the file
        own_inputs = inputs_of_recipe(rows[0], folder, options)
        with progress_bars() as bar:
            result = run(rows[0], own_inputs, machine, notify, _progress(bar))
        _print_recipe(result, folder, as_json)
    else:
        inputs = SuiteInputs(folder, inputs_of_suite(merge_rows(rows), folder, options))
        with progress_bars() as bar:
            ended = run_suite(suite, rows, inputs, machine, notify, lambda name: _progress(bar, f" of {name}"))
        _print_suite(ended, suite.title, as_json)


def _progress(bar: Callable[[str, str], ProgressCallback], of: str = "") -> "StageProgress":
    """Return the progress bars of one recipe."""
    from evaluate.pipeline.inputs import StageProgress

    return StageProgress(
        weights=bar(f"get weights{of}", "MB"),
        clips=bar(f"extract{of}", "clips"),
        va_cnn=bar(f"train VA-CNN{of}", "epochs"),
        epochs=bar(f"train{of}", "epochs"),
    )


def _print_recipe(result: "Result", folder: Path, as_json: bool) -> None:
    """Print a short table of a recipe, how long each stage took, and the command that uses its models."""
    from evaluate.commands.output import gains_as_text, print_results, seconds_as_text
    from evaluate.live.next_step import predict_command
    from evaluate.pipeline.scoring_plan import ScoringPlan

    few = result.few_labels
    if as_json:
        numbers = _as_json(result)
        print(json.dumps(numbers if few is None else numbers | {"few_labels": _as_json(few)}))
        return
    print_results(result.manifest, result.scores, result.table_file.parent)
    print(seconds_as_text(result.seconds))
    if few is not None:
        print()
        print_results(few.manifest, few.scores, few.table_file.parent)
        print(seconds_as_text(few.seconds))
        print(gains_as_text(few.scores, ScoringPlan.baseline))
    if command := predict_command(folder, result.manifest):
        print(f"next: {command}")


def _as_json(result: "Result") -> dict[str, object]:
    from evaluate.commands.output import comparisons_as_json, scores_as_json
    from evaluate.pipeline.scoring_plan import ScoringPlan

    scores, comparisons = scores_as_json(result.scores), comparisons_as_json(result.scores, ScoringPlan.baseline)
    return {"scores": scores, "comparisons": comparisons, "seconds": result.seconds}


def _print_suite(result: "SuiteResult", title: str, as_json: bool) -> None:
    """Print short tables of a suite and where the files are, or all numbers as JSON."""
    from evaluate.commands.output import comparisons_as_json, scores_as_json, seconds_as_text
    from evaluate.pipeline.scoring_plan import ScoringPlan
    from evaluate.tables.suite_table import as_json as rows_as_json
    from evaluate.tables.terminal_table import short_suite

    if as_json:
        scores = [one for _, own in result.results for one in scores_as_json(own.scores)]
        comparisons = [
            {"base": recipe.name, **one}
            for recipe, own in result.results
            for one in comparisons_as_json(own.scores, ScoringPlan.baseline)
        ]
        seconds = [{"base": recipe.name, **own.seconds} for recipe, own in result.results]
        rows = rows_as_json(result.sections)
        print(json.dumps({"rows": rows, "scores": scores, "comparisons": comparisons, "seconds": seconds}))
        return
    print(short_suite(title, result.sections))
    print(f"table: {result.table_file} (also .csv, .tex)")
    for recipe, own in result.results:
        folder = own.table_file.parent
        print(f"{recipe.name}: {seconds_as_text(own.seconds)}; its own table and comparison are in {folder}")
        print(f"figure: {own.figure_file} (also .svg)")
