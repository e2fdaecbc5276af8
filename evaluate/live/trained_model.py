"""A trained model on disk: the description, the weights of its networks, and where its backbones may be.

It is a run folder, the folder of a reproduction, or a folder that `export` wrote. Every file is checked here.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common import log
from common.callbacks import Notify
from common.errors import UserError, did_you_mean, first_few, unknown_name
from common.files import inside, refuse_no_folder, sha256_of
from common.run_record import read_record
from common.training_run import DONE, WEIGHTS
from distill.model_description import MODEL, ModelDescription, other_features, read_description
from distill.run_folder import RECIPE, read_completion
from evaluate.graphs.description import holds_graphs
from evaluate.live.run_folders import chosen_runs, has_runs
from evaluate.pipeline.auto_values import RECORD
from evaluate.pipeline.layout import RUNS
from evaluate.pipeline.result_folder import finished_at, folders_with_models

VA_CNN_FOLDERS = "*-va_cnn*"  # of a reproduction, beside its caches
ABOVE = 6  # folders above a run folder in which a reproduction may keep its VA-CNN


@dataclass(frozen=True)
class TrainedModel:
    """A model whose files are whole.

    Attributes:
        folder: where it was found.
        description: with the networks that were chosen.
        files: the file of weights of each network of the description.
        backbones: by stream, the file of weights of its backbone, where the model brings it.
        nearby: other files that may be weights of a backbone.
    """

    folder: Path
    description: ModelDescription
    files: tuple[Path, ...]
    backbones: dict[str, Path] = field(default_factory=dict)
    nearby: tuple[Path, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of its networks."""
        return tuple(dict.fromkeys(network.seed for network in self.description.networks))

    @property
    def is_late_fusion(self) -> bool:
        """Whether its networks have different streams, and their probabilities are averaged."""
        return len({network.streams for network in self.description.networks}) > 1

    @property
    def summary(self) -> str:
        """What is used, in words: the method, the seeds, and a warning if it is no early recognition."""
        own, seeds = self.description, self.seeds
        which = f"seed {seeds[0]}" if len(seeds) == 1 else f"the mean over the seeds {', '.join(map(str, seeds))}"
        fused = ", late fusion" if self.is_late_fusion else ""
        future = "; each of its answers depends on the whole recording" if own.sees_future else ""
        return f"{own.title} ({own.method}{fused}), {which}{future}"


def find_model(
    folder: Path, method: str | None = None, seed: int | None = None, notify: Notify = log.notify
) -> TrainedModel:
    """Return the model of a folder, after a check of its files.

    Args:
        folder: a run folder, the folder of a reproduction, or an exported model. If a reproduction has models of
            several lists of clips, those whose results were finished last are taken.
        method: its name in recipes; None: see `run_folders.chosen_runs`.
        seed: None: all seeds; their probabilities are averaged.
        notify: gets a sentence if the reproduction has models of several lists of clips.

    Raises:
        UserError: there is no such model, method or seed, a training is not finished, or a file is damaged.
    """
    refuse_no_folder(folder, "the model", _near_folder(folder))
    if (folder / RECIPE).exists():
        _refuse_other_choice(folder, _read_run(folder), method, seed)
        return _of_runs(folder, [folder])
    if holds_graphs(folder):
        raise UserError(f"{folder} holds graphs for other programs; give the model that they were exported from")
    if (folder / MODEL).exists():
        return _exported(folder, method, seed)
    taken = _last_trained(folder, notify)
    if has_runs(taken):
        return _of_runs(taken, chosen_runs(taken, method, seed))
    below = sorted(path.parent for path in folder.glob(f"*/{RUNS}"))
    hint = f"; in it are {first_few([*map(str, below)])}: give one of these" if below else ""
    if not below:
        _refuse_unfinished(folder)
    if (recipe := folder / "recipe.toml").is_file():
        hint = f"; `python -m evaluate reproduce {shlex.quote(str(recipe))}` trains one, and says where it is"
    raise UserError(f"{folder} is no trained model: neither a run folder, nor what `reproduce` or `export` wrote{hint}")


def _near_folder(folder: Path) -> str:
    """Return a question about the folder beside a missing one that has nearly its name; "": there is none."""
    if folder.exists() or not folder.parent.is_dir():
        return ""
    return did_you_mean(folder, (path for path in sorted(folder.parent.iterdir()) if path.is_dir()))


def _last_trained(folder: Path, notify: Notify) -> Path:
    """Return the folder of the models whose results were finished last: `folder` or one of other clips below it."""
    folders = folders_with_models(folder)
    if not folders:
        return folder
    taken, *others = folders
    if others:
        named = ", ".join(f"{own / RUNS}{'' if finished_at(own) else ' (not finished)'}" for own in others)
        reason = "their results were finished last" if finished_at(taken) else "no results are finished"
        notify(
            f"the models in {taken / RUNS} are taken, because {reason}; models of other clips or features are in "
            f"{named}: give such a folder to use them"
        )
    return taken


def _refuse_unfinished(folder: Path) -> None:
    """Refuse the folder of a reproduction that has not begun to train."""
    if (folder / RECORD).is_file() or next(folder.glob("*.h5.run"), None) or next(folder.glob(VA_CNN_FOLDERS), None):
        raise UserError(
            f"the reproduction in {folder} is not finished, and has no models yet; "
            f"`python -m evaluate reproduce RECIPE --out {shlex.quote(str(folder))}` resumes it"
        )


def _of_runs(folder: Path, runs: Sequence[Path]) -> TrainedModel:
    """Return the model of one run folder, or of several whose probabilities are averaged."""
    first, *others = described = [_read_run(run) for run in runs]
    streams = dict(first.streams)
    for run, other in zip(runs[1:], others, strict=True):
        shared = {name: stream for name, stream in other.streams.items() if name in streams}
        differing = other_features(
            {name: streams[name].settings for name in shared},
            {name: stream.settings for name, stream in shared.items()},
        )
        if other.classes != first.classes or other.num_segments != first.num_segments or differing:
            what = ", ".join(differing) or "other classes or another number of segments"
            raise UserError(f"{runs[0]} and {run} are no models of one recipe ({what}); give one run folder")
        streams |= other.streams
    networks = tuple(network for each in described for network in each.networks)
    return TrainedModel(
        folder,
        first.model_copy(update={"streams": streams, "networks": networks}),
        tuple(run / WEIGHTS for run in runs),
        nearby=tuple(_nearby(runs[0])),
    )


def _read_run(run: Path) -> ModelDescription:
    if not (run / DONE).exists():
        command = f"python -m {'evaluate reproduce' if RUNS in run.absolute().parts else 'distill train'} …"
        raise UserError(
            f"the training in {run} is not finished; run the same `{command}` again, it resumes, or choose another seed"
        )
    read_completion(run)
    if not (run / MODEL).exists():
        raise UserError(
            f"{run} has no {MODEL}, because an earlier version trained it; run the same `reproduce` or `distill train` "
            "again: finished models are only read, and the file is added"
        )
    return read_description(run)


def _nearby(run: Path) -> Iterator[Path]:
    """Yield files that may be the weights of a backbone: those the recipe names, and VA-CNNs of the reproduction."""
    recipe = read_record(run / RECIPE).get("recipe", {})
    for section in (recipe.get("extract"), *recipe.get("streams", {}).values()):
        if section:
            yield Path(section["weights"])
    for above in list(run.absolute().parents)[:ABOVE]:
        yield from sorted(path / WEIGHTS for path in above.glob(VA_CNN_FOLDERS))


def _exported(folder: Path, method: str | None, seed: int | None) -> TrainedModel:
    description = read_description(folder)
    _refuse_other_choice(folder, description, method, seed)
    networks = tuple(network for network in description.networks if seed in (None, network.seed))
    files = tuple(inside(folder, network.weights_file) for network in networks)
    for file, network in zip(files, networks, strict=True):
        _refuse_other_bytes(file, network.weights_sha256)
    backbones = {
        name: inside(folder, stream.weights_file) for name, stream in description.streams.items() if stream.weights_file
    }
    for name, file in backbones.items():
        _refuse_other_bytes(file, str(description.streams[name].settings.get("weights_sha256")))
    return TrainedModel(folder, description.model_copy(update={"networks": networks}), files, backbones)


def _refuse_other_bytes(file: Path, sha256: str) -> None:
    if not file.is_file():
        raise UserError(f"{file} is missing; export the model again")
    if sha256_of(file) != sha256:
        raise UserError(f"{file} is not the file that was exported: its sha256 differs; export the model again")


def _refuse_other_choice(folder: Path, description: ModelDescription, method: str | None, seed: int | None) -> None:
    """Refuse a method or a seed that a folder of one method does not have."""
    if method not in (None, description.method):
        raise UserError(f"in {folder}: {unknown_name('method', str(method), [description.method])}")
    seeds = [network.seed for network in description.networks]
    if seed is not None and seed not in seeds:
        raise UserError(f"no seed {seed} in {folder}; there are {first_few([*map(str, dict.fromkeys(seeds))])}")
