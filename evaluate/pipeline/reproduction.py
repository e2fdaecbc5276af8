"""The whole pipeline: files → manifest → features → teachers → students → predictions → table and figure.

The only module that runs all stages. Each stage does what is missing and leaves the rest, so the same command goes on
after a kill and is quick when nothing is left to do. Each stage with several streams has its own file beside this one.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from common.callbacks import Notify
from common.device import choose_device
from common.errors import UserError
from distill.recipe_check import check_classes, check_recipe
from evaluate.pipeline.fusion import method_name, sources
from evaluate.pipeline.inputs import PipelineInputs, StageProgress
from evaluate.pipeline.methods import score_methods
from evaluate.pipeline.result_folder import result_folder
from evaluate.pipeline.results import write_results
from evaluate.pipeline.streams import get_streams, without_failed
from evaluate.pipeline.students import labels_folder, train_students
from evaluate.scoring.scores import Scores
from extract.machine import Machine
from manifests.datasets import DATASETS, SyntheticDataSet
from manifests.manifest import SPLITS, Manifest, read_manifest, write_manifest
from manifests.recipes.recipe import Recipe, check_protocol

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
    recipe: Recipe, inputs: PipelineInputs, machine: Machine, say: Notify = print, bars: StageProgress | None = None
) -> Result:
    """Run what is missing of a recipe, from the data set's files to the table and the figure.

    Raises:
        UserError: something is missing or failed, with what to do about it.
    """
    bars = bars or StageProgress()
    seconds: dict[str, float] = {}
    started = time.monotonic()

    def lap(stage: str) -> None:
        nonlocal started
        now = time.monotonic()
        seconds[stage], started = now - started, now

    path, root = _manifest(recipe, inputs, say)
    manifest = read_manifest(path)
    _check_early(recipe, manifest)
    device = choose_device(machine.device)
    lap("manifest")
    streams = get_streams(recipe, inputs, path, manifest, root, machine, say, bars)
    manifest = without_failed(manifest, streams, inputs, say)
    seen = sources(recipe, {name: stream.cache for name, stream in streams.items()})
    lap("extract")
    out = result_folder(inputs.out, manifest, seen, say)
    train_students(recipe, out / "runs", manifest, seen, device, bars.epochs)
    lap("distill")
    scores = score_methods(recipe, out, manifest, seen)
    results = out / labels_folder(recipe)  # beside those with all labels, never over them
    table, figure = write_results(results, manifest, scores, baseline=method_name(BASELINE, ""))
    lap("evaluate")
    return Result(table, figure, manifest, scores, seconds)


def _manifest(recipe: Recipe, inputs: PipelineInputs, say: Notify) -> tuple[Path, Path | None]:
    """Return the manifest's file and the folder its paths are relative to."""
    path = inputs.out / "manifest.csv"
    if inputs.manifest is not None:
        check_protocol(recipe, read_manifest(inputs.manifest).protocol)
        if recipe.data.classes is not None:
            raise UserError(f"recipe {recipe.name} chooses data.classes, and --manifest has its own; leave one out")
        return inputs.manifest, inputs.videos
    data_set = DATASETS.get(recipe.data.dataset)
    if data_set is None:
        raise UserError(f"recipe {recipe.name} needs --manifest: nothing builds one for data of your own")
    if isinstance(data_set, SyntheticDataSet):
        videos = inputs.videos or inputs.out / "videos"
        return data_set.generate(videos, 0), videos
    if inputs.videos is None:
        raise UserError(f"recipe {recipe.name} needs --videos, the folder of the data set's files")
    data = recipe.data
    manifest, sentences = data_set.build(
        inputs.videos, data.protocol, classes=data.classes, compact=data.compact_classes
    )
    write_manifest(manifest, path)
    for sentence in sentences:
        say(sentence)
    return path, inputs.videos


def _check_early(recipe: Recipe, manifest: Manifest) -> None:
    """Refuse before hours of extraction what would be refused after them."""
    for split in SPLITS:
        manifest.split(split)
    check_recipe(recipe, None)
    check_classes(manifest.split("train")["label"], manifest.protocol)
