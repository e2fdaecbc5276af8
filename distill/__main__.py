"""Command line of the training: one model into one run folder.

The work is in `run_folder.train_run`; here are the arguments and the progress line.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from distill.cache_options import name_caches
from distill.features import load_features
from distill.fusion import clips_without_features, join_caches
from distill.run_folder import train_run
from distill.settings import Model, Variant
from distill.train import Epoch
from extract.cache import read_cache
from extract.network import choose_device
from manifests.command_line import new_app, run_cli
from manifests.errors import UserError
from manifests.recipe import Recipe, check_protocol, read_recipe
from manifests.schema import read_manifest

app = new_app(__doc__)


@app.callback()
def _commands() -> None:
    """Train the recurrent networks on a feature cache."""


@app.command("train")
def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe file, or the name of one that comes with the project.")],
    manifest: Annotated[Path, typer.Option(help="The manifest's CSV.")],
    cache: Annotated[
        list[str], typer.Option(help="The feature cache (HDF5) of its clips; of several streams each as NAME=FILE.")
    ],
    out: Annotated[Path, typer.Option(help="Run folder; an interrupted run in it is gone on with.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the initial weights, the batches and the dropout.")] = 0,
    model: Annotated[Model, typer.Option(help="The network to train.")] = "student",
    variant: Annotated[
        Variant | None, typer.Option(help="Of a student: with distillation (the default) or without.")
    ] = None,
    teacher: Annotated[Path | None, typer.Option(help="Run folder of the trained teacher to distill from.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")] = "auto",
    allow_missing: Annotated[bool, typer.Option(help="Leave out clips that have no features.")] = False,
) -> None:
    """Train one network. Ctrl-C or kill it at any time: the same command goes on, to the same weights.

    Examples:

    - `python -m distill train ucf101 --manifest ucf101.csv --cache tsm.h5 --out runs/teacher --model teacher`

    - `python -m distill train ucf101 --manifest ucf101.csv --cache tsm.h5 --out runs/with --teacher runs/teacher`

    - `python -m distill train ucf101 --manifest ucf101.csv --cache tsm.h5 --out runs/without --variant without`

    The caches of several streams are joined by clip id, their features concatenated in the recipe's order:

    - `python -m distill train mine.toml --manifest mine.csv --cache rgb=rgb.h5 --cache skeleton=va.h5 --out runs/one`
    """
    chosen, clips = read_recipe(recipe), read_manifest(manifest)
    check_protocol(chosen, clips.protocol)
    if model == "student" and variant is None:
        variant = "with"
    caches = {name: read_cache(path) for name, path in _files(chosen, cache).items()}
    if len(caches) > 1:
        needed = [clip_id for split in ("train", "validation") for clip_id in clips.split(split)["clip_id"]]
        for name, missing in clips_without_features(caches, needed).items():
            print(f"stream {name}: {len(missing)} clips have no features; the first: {missing[0]}")
    data = load_features(join_caches(caches), clips, allow_missing=allow_missing).to(choose_device(device))
    if data.missing:
        print(f"{len(data.missing)} clips without features are left out; the first: {', '.join(data.missing[:3])}")

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task(f"{model}, seed {seed}", total=chosen.training.epochs)

        def show(epoch: Epoch) -> None:
            text = f"{model}, seed {seed}: validation AUC {100 * epoch.validation_auc:.1f} %"
            bar.update(task, completed=epoch.epoch, description=text)

        finished = train_run(out, chosen, data, seed, model=model, variant=variant, teacher=teacher, progress=show)
    print(f"{out}: validation AUC {100 * finished.validation_auc:.1f} % at epoch {finished.selected_epoch}")


def _files(recipe: Recipe, given: list[str]) -> dict[str, Path]:
    """The caches' files by stream. A recipe with early fusion needs all; of others a stream alone can be trained."""
    files = name_caches(recipe, given)
    lacking = [name for name in recipe.streams if name not in files]
    if lacking and recipe.fusion == "early":
        raise UserError(f"recipe {recipe.name} joins its streams; give --cache {lacking[0]}=FILE too")
    return files


if __name__ == "__main__":
    run_cli(app)
