"""The predictions files of a trained model, one for each seed. Those of other models are refused.

A predictions file does not name the weights that made it. So the method, the seeds, the classes and the features are
compared.
"""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.config import parse_config
from common.errors import UserError, first_few
from distill.model_description import other_features
from evaluate.live.trained_model import TrainedModel
from evaluate.pipeline.finished_run import Provenance
from evaluate.pipeline.layout import PREDICTIONS
from evaluate.pipeline.row_names import with_source
from evaluate.pipeline.sources import EARLY, LATE
from evaluate.scoring.predictions import Predictions, read_predictions


def read_model_predictions(paths: Sequence[Path], model: TrainedModel) -> dict[Path, Predictions]:
    """Return the predictions of all networks of a model, by file.

    Args:
        paths: a predictions file for each seed.
        model: with the networks that are used.

    Raises:
        UserError: a file is no predictions file or of another model, or they are not those of each seed; with the
            command that fits.
    """
    every = {path: read_predictions(path) for path in paths}
    for path, own in every.items():
        _refuse_other_model(path, own, model)
    _refuse_other_seeds(every, model)
    return every


def _refuse_other_model(path: Path, own: Predictions, model: TrainedModel) -> None:
    """Refuse predictions of another method, of other classes or of other features than a model's."""
    described, rows = model.description, _rows_of(model)
    if own.method not in rows:
        raise UserError(
            f"{path} has the predictions of {own.method!r}, and those of {rows[0]!r} are needed for the model in "
            f"{model.folder}: {_fitting_command(model)}. For another method, make a model of it with `python -m "
            f"evaluate export {shlex.quote(str(model.folder))} --method METHOD --out NEW`, and give --store NEW"
        )
    caches = parse_config(Provenance, {**own.provenance, "num_classes": len(own.classes)}, str(path)).caches
    pairs = {
        "protocol": (own.protocol, described.protocol),
        "classes": (own.classes, described.classes),
        "number of segments": (own.probabilities.shape[1], described.num_segments),
    }
    differing = [what for what, (given, wanted) in pairs.items() if given != wanted]
    if caches:
        trained = {name: stream.settings for name, stream in sorted(described.streams.items())}
        differing += other_features(trained, {name: cache.settings for name, cache in sorted(caches.items())})
    if differing:
        raise UserError(
            f"{path} has the predictions of another model than {model.folder}: they differ in {first_few(differing)}; "
            f"{_fitting_command(model)}"
        )


def _refuse_other_seeds(every: Mapping[Path, Predictions], model: TrainedModel) -> None:
    """Refuse predictions that are not one file for each seed of a model."""
    seeds = sorted(own.seed for own in every.values())
    if seeds != sorted(model.seeds):
        run = model.files[0].parent
        has_runs = len(model.seeds) > 1 and run != model.folder and not model.is_late_fusion
        alone = f". For one seed, give its run folder, as --store {run}" if has_runs else ""
        raise UserError(
            f"the predictions are of seeds {', '.join(map(str, seeds))}, and those of seeds "
            f"{', '.join(map(str, model.seeds))} are needed for the model in {model.folder}: "
            f"{_fitting_command(model)}{alone}"
        )


def _rows_of(model: TrainedModel) -> tuple[str, ...]:
    """Return the names that the predictions of a model may have; see `evaluate.pipeline.row_names`."""
    title, streams = model.description.title, model.description.networks[0].streams
    if model.is_late_fusion:
        return (with_source(title, LATE),)
    return (with_source(title, EARLY),) if len(streams) > 1 else (title, with_source(title, streams[0]))


def _fitting_command(model: TrainedModel) -> str:
    """Return the command with the predictions that fit a model, as a part of a sentence."""
    seed = "*" if len(model.seeds) > 1 else model.seeds[0]
    name = f"{'late-fusion-' if model.is_late_fusion else ''}{model.description.method}-seed{seed}.h5"
    there = min((model.folder / PREDICTIONS).rglob(name), key=lambda path: len(path.parts), default=None)
    folder = "PREDICTIONS" if there is None else shlex.quote(str(there.parent))
    store = shlex.quote(str(model.folder))
    return f"`python -m evaluate decide {folder}/{name} --manifest FILE --price PRICE --store {store}` fits"
