"""`python -m distill sweep`: train every combination of some values and compare them on the validation split."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from common.exits import resumable
from common.log import notify
from common.options import Device, Json, with_logs
from distill.commands.options import AllowMissing, CacheFiles, ManifestFile, RecipeFile, read_clips, read_data


@resumable
@with_logs
def sweep(
    recipe: RecipeFile,
    cache: CacheFiles,
    out: Annotated[Path, typer.Option(help="Folder of the sweep. An interrupted sweep in it is resumed.")],
    set_: Annotated[
        list[str],
        typer.Option("--set", help="KEY=VALUE,VALUE of the recipe. Several options make every combination."),
    ],
    manifest: ManifestFile = None,
    device: Device = "auto",
    allow_missing: AllowMissing = False,
    as_json: Json = False,
) -> None:
    """Train every combination of some values and compare them on VALIDATION clips. No test clip is read.

    Examples:

    - `python -m distill sweep utd-mhad-joints --manifest utd.csv --cache utd.h5 --out sweep
      --set distillation.alpha=0.25,0.5,1.0 --set distillation.tau=1,2,3`

    - `python -m distill sweep mine.toml --manifest m.csv --cache f.h5 --out few --set labels.fraction=0.05,0.1,0.2`
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from common.progress import progress_bars
    from distill.combinations import combination_name, vary_recipe
    from distill.sweep import RESULT, parse_axes, run_sweep
    from distill.whole_recipe import complete_recipe, read_whole_recipe

    chosen, clips = read_clips(read_whole_recipe(recipe), manifest)
    axes = parse_axes(set_)
    combinations = vary_recipe(chosen, axes)
    record = {"recipe": complete_recipe(chosen).model_dump(), "axes": axes}
    data = read_data(chosen, clips, cache, device, allow_missing)
    with progress_bars() as bar:
        outcomes = run_sweep(record, combinations, data, out, bar("sweep", "epochs"), notify)
    if as_json:
        print(json.dumps([{**asdict(outcome), "mean": outcome.mean, "std": outcome.std} for outcome in outcomes]))
        return
    table = Table("Values", "Method", "Validation AUC", box=box.SIMPLE)
    for outcome in outcomes:
        auc = f"{100 * outcome.mean:.1f} ± {100 * outcome.std:.1f}"
        table.add_row(combination_name(outcome.values), outcome.method, auc)
    Console().print(table)
    print(f"{out / RESULT}: {len(outcomes)} rows; no test clip was read")
