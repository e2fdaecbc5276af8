"""`python -m distill train`: train one model into a run folder."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.exits import resumable
from common.log import notify
from common.options import Device, Json, with_logs
from distill.commands.options import AllowMissing, CacheFiles, ManifestFile, RecipeFile, read_clips, read_data

if TYPE_CHECKING:
    from distill.training_state import EpochResult, ModelId
    from manifests.recipes.recipe import Recipe


@resumable
@with_logs
def train(
    recipe: RecipeFile,
    cache: CacheFiles,
    out: Annotated[Path, typer.Option(help="Run folder. An interrupted run in it is resumed.")],
    method: Annotated[
        str | None,
        typer.Option(
            help="The method to train, by its name in recipes (see `python -m distill methods`); "
            "default: `with` if the recipe lists it, or the recipe's only method.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=2**63 - 1,
            help="The one seed of this model: of initial weights, batches, dropout, labelled clips. The recipe's seeds "
            "are not read here; `sweep` and `reproduce` train all of them (`reproduce --seeds 0,1` others).",
        ),
    ] = 0,
    teacher: Annotated[
        Path | None, typer.Option(help="Run folder of the trained teacher, if the method has one.")
    ] = None,
    manifest: ManifestFile = None,
    device: Device = "auto",
    allow_missing: AllowMissing = False,
    as_json: Json = False,
) -> None:
    """Train one model. If it is interrupted or killed, the same command resumes, to the same weights.

    Examples:

    - `python -m distill train ucf101 --manifest ucf101.csv --cache tsm.h5 --out runs/teacher --method teacher`

    - `python -m distill train ucf101 --manifest ucf101.csv --cache tsm.h5 --out runs/with --teacher runs/teacher`

    - `python -m distill train ucf101 --manifest ucf101.csv --cache tsm.h5 --out runs/without --method without`

    The caches of several streams are joined by clip id. Their features are concatenated in the recipe's order:

    - `python -m distill train mine.toml --manifest mine.csv --cache rgb=rgb.h5 --cache skeleton=va.h5 --out runs/one
      --method without`
    """
    from common.errors import UserError
    from common.progress import progress_bars
    from distill.epoch_counter import finished_notice
    from distill.run_folder import ModelRun
    from distill.train_runs import count_finished, train_runs
    from distill.training_plan import make_training_plan
    from distill.training_state import ModelId
    from distill.whole_recipe import read_whole_recipe

    chosen, clips = read_clips(read_whole_recipe(recipe), manifest)
    method = method or _default_method(chosen)
    plan = make_training_plan(chosen, [method])
    if method in plan.classical:
        raise UserError(f"{method} trains no network; `python -m evaluate reproduce` runs it")
    data = read_data(chosen, clips, cache, device, allow_missing)
    run = ModelRun(ModelId(method, seed), out, teacher)
    finished = count_finished([run])
    with progress_bars() as bar:
        progress = bar(f"{method}, seed {seed}", "epochs")

        def show(model: "ModelId", epoch: "EpochResult") -> None:
            progress.rename(f"{method}, seed {seed}, validation AUC {100 * epoch.validation_auc:.1f} %")
            progress(epoch.epoch, plan.training.epochs_for(data.train_clips))

        record = train_runs([run], plan, data, show)[0]
    if finished:
        notify(finished_notice(finished, out))
    if as_json:
        print(json.dumps({"run": str(out), "method": method, "seed": seed, **asdict(record)}))
        return
    print(f"{out}: validation AUC {100 * record.validation_auc:.1f} % at epoch {record.selected_epoch}")


def _default_method(recipe: "Recipe") -> str:
    """Return the method that is trained without --method."""
    from common.errors import UserError
    from distill.methods import find_method

    trained = [name for name in recipe.methods if find_method(name).is_trained]
    if "with" in trained:
        return "with"
    if len(trained) != 1:
        listed = f"of {', '.join(trained)}" if trained else "of `python -m distill methods`; its own train no network"
        raise UserError(f"recipe {recipe.name} does not say which method to train; give --method NAME, one {listed}")
    return trained[0]
