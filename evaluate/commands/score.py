"""`python -m evaluate score`: the table of any predictions files."""

import json
from pathlib import Path
from typing import Annotated

import typer

from common.errors import UserError
from common.options import Json


def score(
    predictions: Annotated[list[Path], typer.Argument(help="Predictions files, of any methods and seeds.")],
    manifest: Annotated[Path, typer.Option(help="The manifest with the test labels.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write tables and figure into.")] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Name of the method that the others are compared with; default: Without distillation."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score predictions files, of this project or of others, and print a short table.

    With --out, tables of all numbers, a figure and a comparison of the methods are written into a folder.

    Example: `python -m evaluate score mine/*.h5 --manifest ucf101.csv --out mine`
    """
    from evaluate.commands.output import comparisons_as_json, print_results, scores_as_json
    from evaluate.pipeline.results import write_results
    from evaluate.scoring.comparison import baseline_of
    from evaluate.scoring.scored_files import score_files
    from manifests.manifest import read_manifest

    clips = read_manifest(manifest)
    scores = score_files(predictions, clips)
    if baseline is not None and not any(baseline_of(method, scores, baseline) for method in scores):
        raise UserError(f"--baseline {baseline}: no other method has it as its baseline; there is {', '.join(scores)}")
    compared_with = baseline or "Without distillation"
    if out is not None:
        write_results(out, clips, scores, compared_with, "With distillation")
    if as_json:
        found = {"scores": scores_as_json(scores), "comparisons": comparisons_as_json(scores, compared_with)}
        print(json.dumps(found))
    else:
        print_results(clips, scores, out)
