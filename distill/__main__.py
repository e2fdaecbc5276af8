"""Command line of the training: one model into one run folder, or a sweep over values.

The work is in `run_folder` and `sweep`; here are the arguments and the progress line.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from common.command_line import new_app, run_cli
from common.device import choose_device
from common.errors import UserError
from distill.commands.caches import name_caches
from distill.early_fusion import clips_without_features, join_caches
from distill.feature_set import FeatureSet, make_feature_set
from distill.run_folder import ModelRun
from distill.train_runs import train_runs
from distill.training_plan import combination_name, complete_recipe, make_training_plan, vary_recipe
from distill.training_state import EpochResult, ModelId
from extract.cache import read_cache
from manifests.manifest import Manifest, read_manifest
from manifests.recipes.recipe import Recipe, check_protocol, read_recipe

app = new_app(__doc__)

RecipeFile = Annotated[Path, typer.Argument(help="Recipe file, or the name of one that comes with the project.")]
ManifestFile = Annotated[Path, typer.Option(help="The manifest's CSV.")]
CacheFiles = Annotated[
    list[str], typer.Option(help="The feature cache (HDF5) of its clips; of several streams each as NAME=FILE.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")]
AllowMissing = Annotated[bool, typer.Option(help="Leave out clips that have no features.")]


@app.callback()
def _commands() -> None:
    """Train the recurrent networks on a feature cache."""


@app.command("train")
def train(
    recipe: RecipeFile,
    manifest: ManifestFile,
    cache: CacheFiles,
    out: Annotated[Path, typer.Option(help="ModelRun folder; an interrupted run in it is gone on with.")],
    method: Annotated[str, typer.Option(help="The method to train, by its name in recipes.")] = "with",
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Of the initial weights, the batches and the dropout.")
    ] = 0,
    teacher: Annotated[
        Path | None, typer.Option(help="ModelRun folder of the trained teacher, for a method with one.")
    ] = None,
    device: Device = "auto",
    allow_missing: AllowMissing = False,
) -> None:
    """Train one network. Ctrl-C or kill it at any time: the same command goes on, to the same weights.

    Examples:

    - `python -m distill train ucf101 --manifest ucf101.csv --cache tsm.h5 --out runs/teacher --method teacher`

    - `python -m distill train ucf101 --manifest ucf101.csv --cache tsm.h5 --out runs/with --teacher runs/teacher`

    - `python -m distill train ucf101 --manifest ucf101.csv --cache tsm.h5 --out runs/without --method without`

    The caches of several streams are joined by clip id, their features concatenated in the recipe's order:

    - `python -m distill train mine.toml --manifest mine.csv --cache rgb=rgb.h5 --cache skeleton=va.h5 --out runs/one
      --method without`
    """
    chosen, clips = read_recipe(recipe), read_manifest(manifest)
    plan = make_training_plan(chosen, [method])
    if method in plan.classical:
        raise UserError(f"{method} is not trained; `python -m evaluate reproduce` runs it")
    check_protocol(chosen, clips.protocol)
    data = _load(chosen, clips, cache, device, allow_missing)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task(f"{method}, seed {seed}", total=plan.training.epochs)

        def show(job: ModelId, epoch: EpochResult) -> None:
            text = f"{method}, seed {seed}: validation AUC {100 * epoch.validation_auc:.1f} %"
            bar.update(task, completed=epoch.epoch, description=text)

        finished = train_runs([ModelRun(ModelId(method, seed), out, teacher)], plan, data, show)[0]
    print(f"{out}: validation AUC {100 * finished.validation_auc:.1f} % at epoch {finished.selected_epoch}")


@app.command("sweep")
def sweep(
    recipe: RecipeFile,
    manifest: ManifestFile,
    cache: CacheFiles,
    out: Annotated[Path, typer.Option(help="Folder of the sweep; an interrupted one in it is gone on with.")],
    set_: Annotated[
        list[str], typer.Option("--set", help="KEY=VALUE,VALUE of the recipe; several make every combination.")
    ],
    device: Device = "auto",
    allow_missing: AllowMissing = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the outcomes as JSON.")] = False,
) -> None:
    """Train every combination of some values and compare them on VALIDATION clips; no test clip is read.

    Examples:

    - `python -m distill sweep utd-mhad-joints --manifest utd.csv --cache utd.h5 --out sweep
      --set distillation.alpha=0.25,0.5,1.0 --set distillation.tau=1,2,3`

    - `python -m distill sweep mine.toml --manifest m.csv --cache f.h5 --out few --set labels.fraction=0.05,0.1,0.2`
    """
    from distill.sweep import RESULT, parse_axes
    from distill.sweep import sweep as run

    chosen, clips = read_recipe(recipe), read_manifest(manifest)
    check_protocol(chosen, clips.protocol)
    axes = parse_axes(set_)
    combinations = vary_recipe(chosen, axes)
    record = {"recipe": complete_recipe(chosen).model_dump(), "axes": axes}
    data = _load(chosen, clips, cache, device, allow_missing)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("epochs", total=None)
        outcomes = run(
            record, combinations, data, out, lambda done, total: bar.update(task, completed=done, total=total)
        )
    if json_:
        print(json.dumps([{**asdict(outcome), "mean": outcome.mean, "std": outcome.std} for outcome in outcomes]))
        return
    table = Table("Values", "Method", "Validation AUC", box=box.SIMPLE)
    for outcome in outcomes:
        table.add_row(
            combination_name(outcome.values), outcome.method, f"{100 * outcome.mean:.1f} ± {100 * outcome.std:.1f}"
        )
    Console().print(table)
    print(f"{out / RESULT}: {len(outcomes)} rows; no test clip was read")


@app.command("bench")
def bench(
    device: Device = "auto",
    clips: Annotated[int, typer.Option(min=64, help="Training clips to measure on; UCF101 has 8056.")] = 8056,
    seeds: Annotated[int, typer.Option(min=1, help="Of each of four methods, trained together.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="To measure, after one to warm up.")] = 2,
    json_: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure the training of a UCF101-sized problem against a plain loop: one model, and seeds × methods together.

    Examples:

    - `python -m distill bench --device cuda`

    - `python -m distill bench --device cpu --clips 640`
    """
    from distill.bench import bench as measure

    figures = measure(device, clips, seeds, epochs)
    if json_:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:>28}  {value:.3g}" if isinstance(value, float) else f"{name:>28}  {value}")


def _load(recipe: Recipe, clips: Manifest, cache: list[str], device: str, allow_missing: bool) -> FeatureSet:
    """The train and validation clips of the caches given, joined if there are several."""
    caches = {name: read_cache(path) for name, path in _files(recipe, cache).items()}
    if len(caches) > 1:
        needed = [clip_id for split in ("train", "validation") for clip_id in clips.split(split)["clip_id"]]
        for name, missing in clips_without_features(caches, needed).items():
            print(f"stream {name}: {len(missing)} clips have no features; the first: {missing[0]}")
    data = make_feature_set(join_caches(caches), clips, allow_missing=allow_missing).to(choose_device(device))
    if data.missing:
        print(f"{len(data.missing)} clips without features are left out; the first: {', '.join(data.missing[:3])}")
    return data


def _files(recipe: Recipe, given: list[str]) -> dict[str, Path]:
    """The caches' files by stream. A recipe with early fusion needs all; of others a stream alone can be trained."""
    files = name_caches(recipe, given)
    lacking = [name for name in recipe.streams if name not in files]
    if lacking and recipe.fusion == "early":
        raise UserError(f"recipe {recipe.name} joins its streams; give --cache {lacking[0]}=FILE too")
    return files


if __name__ == "__main__":
    run_cli(app)
