"""The whole pipeline: files → manifest → features → teachers → students → predictions → table and figure.

This is the only module that runs all stages. Each stage does what is missing, so the same command resumes after an
interruption and ends quickly if nothing is missing.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from common.callbacks import Notify, no_notice
from common.device import choose_device
from common.errors import UserError
from common.log import LOGGER
from distill.epoch_counter import finished_notice
from distill.training_plan import make_training_plan
from evaluate.pipeline.failed_clips import without_failed
from evaluate.pipeline.inputs import PipelineInputs, StageProgress
from evaluate.pipeline.layout import labels_folder
from evaluate.pipeline.method_scores import score_methods
from evaluate.pipeline.plans import make_plans
from evaluate.pipeline.result_folder import result_folder
from evaluate.pipeline.results import write_results
from evaluate.pipeline.sources import make_sources
from evaluate.pipeline.streams import get_streams
from evaluate.pipeline.students import train_students
from evaluate.scoring.scores import Scores
from extract.machine import Machine
from manifests.manifest import Manifest
from manifests.recipes.recipe import Recipe, few_labels_recipe


@dataclass(frozen=True)
class Result:
    """The results of a recipe.

    Attributes:
        table_file: the results table as Markdown; the other files are beside it.
        figure_file: the accuracy curves as PNG.
        manifest: the clips that were scored.
        scores: by the name of the row, one `Scores` for each seed.
        prediction_files: by the name of the row, the predictions file of each seed.
        seconds: how long each stage took.
        few_labels: the results of the recipe's `[few_labels]`; None: it has none.
    """

    table_file: Path
    figure_file: Path
    manifest: Manifest
    scores: dict[str, list[Scores]]
    prediction_files: dict[str, list[Path]]
    seconds: dict[str, float]
    few_labels: "Result | None" = None


def reproduce(
    recipe: Recipe,
    inputs: PipelineInputs,
    machine: Machine,
    notify: Notify = print,
    progress: StageProgress | None = None,
) -> Result:
    """Run what is missing of a recipe, from the files of the data set to the table and the figure.

    Args:
        recipe: what to run.
        inputs: the user's files, and the folder of the results.
        machine: what features are extracted and models are trained with.
        notify: gets sentences for the user.
        progress: the progress callbacks of the stages.

    Raises:
        UserError: something is missing or failed, with what to do about it.
    """
    progress = progress or StageProgress()
    few = few_labels_recipe(recipe)
    if few is not None:
        try:
            make_training_plan(few)  # refuses what cannot work before the first training starts
        except UserError as error:
            raise UserError(f"[few_labels], whose methods are {', '.join(few.methods)}: {error}") from error
    result = _reproduce(recipe, inputs, machine, notify, progress)
    if few is None:
        return result
    return replace(result, few_labels=_reproduce(few, inputs, machine, no_notice, progress))


def _reproduce(
    recipe: Recipe, inputs: PipelineInputs, machine: Machine, notify: Notify, progress: StageProgress
) -> Result:
    """Run what is missing of a recipe with one share of the labels. Arguments as in `reproduce`."""
    seconds: dict[str, float] = {}
    started = time.monotonic()

    def finish(stage: str) -> None:
        nonlocal started
        now = time.monotonic()
        seconds[stage], started = now - started, now
        LOGGER.debug(f"stage {stage} of {recipe.name}: {seconds[stage]:.1f} s")

    device = choose_device(machine.device)
    plans = make_plans(recipe, inputs, notify, machine.weights_folder)
    finish("manifest")
    streams = get_streams(plans.extraction, machine, notify, progress)
    manifest = without_failed(plans.extraction, streams, notify)
    sources = make_sources(plans.scoring.fusion, {name: stream.cache for name, stream in streams.items()})
    finish("extract")
    out = result_folder(inputs.out, manifest, sources, notify)
    if finished := train_students(plans.training, out, manifest, sources, device, progress.epochs):
        notify(finished_notice(finished, out))
    finish("distill")
    rows = score_methods(plans.scoring, out, manifest, sources)
    results = out / labels_folder(plans.training.labels)
    table, figure = write_results(results, manifest, rows.scores, plans.scoring.baseline, plans.scoring.method)
    finish("evaluate")
    return Result(table, figure, manifest, rows.scores, rows.files, seconds)
