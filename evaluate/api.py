"""The public functions of the evaluation, for Python: score predictions, decide early, and reproduce a recipe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from common.callbacks import Notify
from common.errors import UserError
from distill.whole_recipe import read_whole_recipe
from evaluate.decisions.judgement import judge_methods
from evaluate.decisions.predicted_splits import read_splits
from evaluate.live.store_rule import Stored
from evaluate.live.store_rule import store_rule as store_rule_with
from evaluate.live.trained_model import find_model
from evaluate.pipeline.inputs import PipelineInputs, StageProgress, default_workers, replace_seeds
from evaluate.pipeline.reproduction import Result
from evaluate.pipeline.reproduction import reproduce as reproduce_recipe
from evaluate.pipeline.results import published_beside
from evaluate.scoring.scored_files import score_files
from evaluate.scoring.scores import Scores
from evaluate.tables.results_frame import results_frame
from extract.machine import Machine
from manifests.manifest import Manifest, read_manifest
from manifests.recipes.recipe import ONLY_STREAM, Recipe


@dataclass(frozen=True)
class ScoredPredictions:
    """The scores of some methods.

    Attributes:
        table: a row for each method, with means and standard deviations over its seeds in per cent; the columns are
            described in `evaluate.tables.results_frame`. Published rows of the same experiment come first.
        scores: by method, the scores of each seed, with curves (N,) as fractions.
        manifest: the clips.
    """

    table: pd.DataFrame
    scores: Mapping[str, Sequence[Scores]] = field(repr=False)
    manifest: Manifest = field(repr=False)


@dataclass(frozen=True)
class Reproduction(ScoredPredictions):
    """The results of a recipe.

    Attributes:
        folder: the folder of the results.
        table_file: the results table as Markdown; table.csv and table.tex are beside it.
        figure_file: the accuracy curves as PNG; figure.svg is beside it.
        prediction_files: by method, the predictions file of each seed.
        seconds: how long each stage took.
        few_labels: the results of the recipe's `[few_labels]`; None: it has none.
    """

    folder: Path
    table_file: Path
    figure_file: Path
    prediction_files: Mapping[str, Sequence[Path]]
    seconds: Mapping[str, float]
    few_labels: "Reproduction | None" = None


def score(predictions: str | Path | Iterable[str | Path], manifest: str | Path | Manifest) -> ScoredPredictions:
    """Score predictions files on the test split of a manifest.

    Args:
        predictions: one file or several, of any methods and seeds. The format is described in
            `evaluate.scoring.predictions`.
        manifest: the manifest with the test labels, or its CSV file.

    Raises:
        UserError: a file is no predictions file, it is of another protocol, other classes or other clips, or two files
            are of the same method and seed.
    """
    clips = _read_clips(manifest)
    scores = score_files(_paths(predictions), clips)
    return ScoredPredictions(results_frame(scores, published_beside(clips, scores)), scores, clips)


def decide(
    predictions: str | Path | Iterable[str | Path], manifest: str | Path | Manifest, prices: float | Iterable[float]
) -> pd.DataFrame:
    """Return what it costs to decide early, by each decision rule.

    Args:
        predictions: one file or several, of any methods and seeds, with predictions of the validation clips too.
        manifest: the manifest with the labels, or its CSV file.
        prices: one price of waiting or several, from 0 (only errors count) to 1 (only time counts).

    Returns:
        A row for each method, price and rule. The columns are described in `evaluate.decisions.judgement.judge_rules`;
        the last one is `method`.

    Raises:
        UserError: a price is not in 0 … 1, or the predictions do not fit the manifest; see `score`.
    """
    splits = read_splits(_paths(predictions), _read_clips(manifest))
    return judge_methods(splits, [prices] if isinstance(prices, int | float) else list(prices))


def store_rule(
    predictions: str | Path | Iterable[str | Path],
    manifest: str | Path | Manifest,
    model: str | Path,
    price: float,
) -> Stored:
    """Store the decision rule that costs least on the validation clips with a trained model. `Recogniser` uses it.

    Args:
        predictions: the predictions file of each seed of the model. The rule is fitted on the mean of the seeds, which
            is what the model answers with.
        manifest: see `decide`.
        model: a run folder, the folder of a reproduction, or a folder that `python -m evaluate export` wrote.
        price: of waiting, from 0 to 1.

    Returns:
        The `file` of the rule, the `rule`, and the `table` of all rules on the mean of the seeds.

    Raises:
        UserError: there is no such model, or the predictions are not those of the model; see `decide`.
    """
    return store_rule_with(_paths(predictions), _read_clips(manifest), find_model(Path(model)), price)


def reproduce(
    recipe: str | Path | Recipe,
    *,
    videos: str | Path | None = None,
    manifest: str | Path | None = None,
    caches: str | Path | Mapping[str, str | Path] | None = None,
    out: str | Path | None = None,
    seeds: Sequence[int] | None = None,
    device: str = "auto",
    runtime: str = "auto",
    workers: int | None = None,
    skip_failed: bool = False,
    get_weights: bool = False,
    notify: Notify = print,
    progress: StageProgress | None = None,
) -> Reproduction:
    """Run what is missing of a recipe, from the files of the data set to the table and the figure.

    After an interruption, the same call resumes.

    Args:
        recipe: a recipe, its file, or the name of one that comes with the project, as in `ucf101`.
        videos: the folder of the data set's files.
        manifest: the CSV file of your own manifest; None: it is built from the files.
        caches: feature caches that exist already, by stream. The file alone is enough if the recipe has one stream.
        out: the folder for everything that is made; None: out/NAME of the recipe.
        seeds: seeds instead of the recipe's.
        device: "auto", "cpu", "cuda" or "cuda:1".
        runtime: what computes networks on a CPU: "torch", "openvino", or "auto", the faster one that can.
        workers: decode processes; None: one for each core, but not more than 8.
        skip_failed: continue without the clips that failed; the protocol is then named a subset.
        get_weights: download released weights that are needed and missing.
        notify: gets sentences for the user.
        progress: the progress callbacks of the stages.

    Raises:
        UserError: something is missing or failed, with what to do about it.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_whole_recipe(Path(recipe))
    if seeds is not None:
        chosen = replace_seeds(chosen, seeds)
    inputs = PipelineInputs(
        Path("out") / chosen.name if out is None else Path(out),
        videos=None if videos is None else Path(videos),
        manifest=None if manifest is None else Path(manifest),
        caches=_caches_by_stream(chosen, caches),
        skip_failed=skip_failed,
        get_weights=get_weights,
    )
    machine = Machine(device=device, workers=workers or default_workers(), runtime=runtime)
    result = reproduce_recipe(chosen, inputs, machine, notify, progress)
    return _reproduction(result)


def _reproduction(result: Result) -> Reproduction:
    return Reproduction(
        table=results_frame(result.scores, published_beside(result.manifest, result.scores)),
        scores=result.scores,
        manifest=result.manifest,
        folder=result.table_file.parent,
        table_file=result.table_file,
        figure_file=result.figure_file,
        prediction_files=result.prediction_files,
        seconds=result.seconds,
        few_labels=None if result.few_labels is None else _reproduction(result.few_labels),
    )


def _paths(predictions: str | Path | Iterable[str | Path]) -> list[Path]:
    paths = [predictions] if isinstance(predictions, str | Path) else list(predictions)
    if not paths:
        raise UserError("there are no predictions; give at least one file")
    return [Path(path) for path in paths]


def _read_clips(manifest: str | Path | Manifest) -> Manifest:
    return manifest if isinstance(manifest, Manifest) else read_manifest(Path(manifest))


def _caches_by_stream(recipe: Recipe, caches: str | Path | Mapping[str, str | Path] | None) -> dict[str, Path]:
    """Return the caches by the names of their streams."""
    if caches is None:
        return {}
    if isinstance(caches, Mapping):
        return {name: Path(path) for name, path in caches.items()}
    names = list(recipe.stream_configs) or [ONLY_STREAM]
    if len(names) > 1:
        raise UserError(f"recipe {recipe.name} has the streams {', '.join(names)}; give the caches by stream")
    return {names[0]: Path(caches)}
