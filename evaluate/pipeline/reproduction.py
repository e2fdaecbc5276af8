"""The whole pipeline: files → manifest → features → teachers → students → predictions → table and figure.

The only module that runs all stages. Each stage does what is missing and leaves the rest, so the same command goes on
after a kill and is quick when nothing is left to do. Each stage with several streams has its own file beside this one.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from common.callbacks import Notify
from common.device import choose_device
from evaluate.pipeline.fusion import method_name, sources
from evaluate.pipeline.inputs import PipelineInputs, StageProgress
from evaluate.pipeline.methods import score_methods
from evaluate.pipeline.plans import make_plans
from evaluate.pipeline.result_folder import result_folder
from evaluate.pipeline.results import write_results
from evaluate.pipeline.streams import get_streams, without_failed
from evaluate.pipeline.students import labels_folder, train_students
from evaluate.scoring.scores import Scores
from extract.machine import Machine
from manifests.manifest import Manifest
from manifests.recipes.recipe import Recipe

BASELINE = "without"  # what the other methods of a recipe are compared with, if it has it


@dataclass(frozen=True)
class Result:
    """What a reproduction ends with: the files, the clips, the scores by method and seed, and seconds by stage."""

    table: Path
    figure: Path
    manifest: Manifest
    scores: dict[str, list[Scores]]
    seconds: dict[str, float]


def reproduce(
    recipe: Recipe,
    inputs: PipelineInputs,
    machine: Machine,
    notify: Notify = print,
    progress: StageProgress | None = None,
) -> Result:
    """Run what is missing of a recipe, from the files of the data set to the table and the figure.

    Raises:
        UserError: something is missing or failed, with what to do about it.
    """
    progress = progress or StageProgress()
    seconds: dict[str, float] = {}
    started = time.monotonic()

    def finish(stage: str) -> None:
        nonlocal started
        now = time.monotonic()
        seconds[stage], started = now - started, now

    device = choose_device(machine.device)
    plans = make_plans(recipe, inputs, notify)
    finish("manifest")
    streams = get_streams(plans.extraction, machine, notify, progress)
    manifest = without_failed(plans.extraction, streams, notify)
    seen = sources(recipe, {name: stream.cache for name, stream in streams.items()})
    finish("extract")
    out = result_folder(inputs.out, manifest, seen, notify)
    train_students(recipe, plans.training, out / "runs", manifest, seen, device, progress.epochs)
    finish("distill")
    scores = score_methods(recipe, plans.training, out, manifest, seen)
    results = out / labels_folder(recipe)  # beside the results with all labels, never over them
    table, figure = write_results(results, manifest, scores, method_name(BASELINE, ""), method_name("with", ""))
    finish("evaluate")
    return Result(table, figure, manifest, scores, seconds)
