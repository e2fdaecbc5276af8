"""ModelRun folders: one model each, its settings, curves and weights; killed at any moment, the same call goes on.

recipe.json (what decides the weights, versions, the recipe), labelled.txt where only some clips have a label,
metrics.csv, tensorboard/, weights.safetensors (the selected epoch), and done.json, written last. Models of one shape
train together; their common resume.safetensors stands in the first one's folder. No training loop here.
"""

import contextlib
import importlib.metadata
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common.errors import UserError
from common.files import sha256_of, write_text
from common.run_record import claim, differences, fingerprint, only_writer, read_record, refuse_other
from distill.checkpoint import load_network, load_state, save_network, save_state
from distill.curves import TensorBoard, write_metrics
from distill.feature_set import FeatureSet
from distill.label_fraction import labelled_clips
from distill.models import Classifier, Kind
from distill.run_settings import data_settings, run_settings
from distill.side_by_side import models_at_once, shape, train_together
from distill.standardisation import fold, moments
from distill.training import new_network
from distill.training_plan import TrainingPlan, check_classes, check_num_segments
from distill.training_state import EpochResult, ModelId, TrainingState

RECIPE, METRICS, TENSORBOARD, LABELLED = "recipe.json", "metrics.csv", "tensorboard", "labelled.txt"
RESUME, WEIGHTS, DONE = "resume.safetensors", "weights.safetensors", "done.json"
SAVE_SECONDS = 5.0  # between two writes of the resume state; what it misses is trained again, bit for bit

Progress = Callable[[ModelId, EpochResult], None]


@dataclass(frozen=True)
class CompletionRecord:
    """What done.json says."""

    epochs: int
    selected_epoch: int
    validation_auc: float
    weights_sha256: str


@dataclass(frozen=True)
class ModelRun:
    """A model to train, where to, and the run folder of its finished teacher (None: its method has none)."""

    model: ModelId
    folder: Path
    teacher: Path | None = None


def train_runs(
    runs: Sequence[ModelRun], plan: TrainingPlan, data: FeatureSet, progress: Progress | None = None
) -> list[CompletionRecord]:
    """Train models into their run folders, those of one shape together; leave what is done, go on with what is not.

    Args:
        runs: each folder is made if it is not there, and refused if it holds anything but this very run.
        plan: how.
        data: train and validation, on the device to train on.
        progress: called with each epoch of each model, those of an earlier call included.

    Returns:
        One record a run, in their order.

    Raises:
        UserError: a folder is another run's, in use or not writable; no teacher where one is needed, or one trained
            on other data; the recipe cannot work (see `training_plan`); the training failed.
    """
    check_num_segments(plan, data.num_segments)
    check_classes(data.splits["train"].labels.tolist(), data.protocol)
    settings = {run: _settings(run, plan, data) for run in runs}
    teachers = {run.teacher: _load_teacher_for(run, plan, data) for run in runs if run.teacher}
    for run in runs:
        if (run.folder / DONE).exists():
            _refuse_changed(run, settings[run])
    by_shape: dict[object, list[ModelRun]] = {}
    for run in runs:
        by_shape.setdefault(shape(run.model, plan), []).append(run)
    for together in by_shape.values():
        with contextlib.ExitStack() as held:
            todo = [run for run in together if not (run.folder / DONE).exists()]
            for run in todo:
                held.enter_context(only_writer(run.folder))
            todo = [run for run in todo if not (run.folder / DONE).exists()]  # by another process, a moment ago
            for run in todo:
                _claim(run, settings[run], plan, data)
            at_once = models_at_once(new_network(together[0].model, plan, data), data.splits["train"].features.device)
            for some, resume in _interrupted(together, todo, settings, at_once):
                _train(some, plan, data, teachers, settings, resume, progress)
            for run in together:
                (run.folder / RESUME).unlink(missing_ok=True)
    return [read_completion(run.folder) for run in runs]


def load_run(folder: Path, device: torch.device | str = "cpu") -> Classifier:
    """Return the selected network of a finished run, in evaluation mode.

    Raises:
        UserError: the run is not finished, or damaged.
    """
    read_completion(folder)
    return load_network(folder / WEIGHTS).to(device)


def read_completion(folder: Path) -> CompletionRecord:
    """Return the completion record of a run whose weights are the very file that the training wrote.

    Raises:
        UserError: the run is not finished, or its weights are not those of its record.
    """
    if not (folder / DONE).exists():
        raise UserError(f"{folder} holds no finished run; run its training again, it goes on where it stood")
    finished = CompletionRecord(**read_record(folder / DONE))
    if not (folder / WEIGHTS).exists() or sha256_of(folder / WEIGHTS) != finished.weights_sha256:
        raise UserError(f"{folder / WEIGHTS} is not the file that the training wrote; remove {folder} and train again")
    return finished


def read_settings(folder: Path) -> dict[str, Any]:
    """Return all that decides the weights of a run: method, seed, data, network, training.

    Raises:
        UserError: not a run folder.
    """
    settings: dict[str, Any] = read_record(folder / RECIPE)["settings"]
    return settings


def _settings(run: ModelRun, plan: TrainingPlan, data: FeatureSet) -> dict[str, Any]:
    needs = plan.trained[run.model.method].method.teacher
    if needs and run.teacher is None:
        raise UserError(f"{run.model.method} is taught by {needs!r}; give the run folder of a trained one")
    if run.teacher and not needs:
        raise UserError(f"{run.model.method} has no teacher, and {run.teacher} is given as one; leave it out")
    teacher_sha256 = read_completion(run.teacher).weights_sha256 if run.teacher else None
    return run_settings(plan, data, run.model, teacher_sha256)


def _load_teacher_for(run: ModelRun, plan: TrainingPlan, data: FeatureSet) -> Classifier:
    """The teacher, refused if it is none, or has seen what its student must not: other clips, or hidden labels."""
    assert run.teacher is not None
    there = read_settings(run.teacher)
    wanted: dict[str, Any] = {"method": plan.trained[run.model.method].method.teacher, "data": data_settings(data)}
    if plan.labels.fraction < 1 or there["labels"]["fraction"] < 1:
        wanted |= {"seed": run.model.seed, "labels.fraction": plan.labels.fraction}  # whose labels it was shown
    found = {**there, "labels.fraction": there["labels"]["fraction"]}
    if differing := differences({key: found[key] for key in wanted}, wanted):
        raise UserError(
            f"{run.teacher} is not the teacher of {run.model.method} here ({', '.join(differing)}); train its own"
        )
    return load_run(run.teacher, data.splits["train"].features.device)


def _refuse_changed(run: ModelRun, settings: Mapping[str, Any]) -> None:
    refuse_other(run.folder / RECIPE, {"settings": settings})
    read_completion(run.folder)


def _claim(run: ModelRun, settings: Mapping[str, Any], plan: TrainingPlan, data: FeatureSet) -> None:
    train = data.splits["train"]
    versions = {
        "early-recognition": importlib.metadata.version("early-recognition"),
        "torch": str(torch.__version__),
        "device": train.features.device.type,
    }
    claim(run.folder / RECIPE, {"settings": settings, "versions": versions}, {"recipe": dict(plan.record)})
    if plan.labels.fraction < 1:
        kept = labelled_clips(train.labels, plan.labels.fraction, run.model.seed).tolist()
        names = [clip for clip, has_label in zip(train.clip_id, kept, strict=True) if has_label]
        write_text(run.folder / LABELLED, "".join(f"{name}\n" for name in names))


def _interrupted(
    together: Sequence[ModelRun], todo: Sequence[ModelRun], settings: Mapping[ModelRun, Mapping[str, Any]], at_once: int
) -> list[tuple[list[ModelRun], TrainingState | None]]:
    """Split what is to be trained by the interrupted training it belongs to; what belongs to none starts anew, so many
    at once.
    """
    left = {fingerprint(settings[run]): run for run in todo}
    found: list[tuple[list[ModelRun], TrainingState | None]] = []
    for run in together:
        if left and (run.folder / RESUME).exists():
            state, members = load_state(run.folder / RESUME)
            rows = [row for row, member in enumerate(members) if member in left]
            if rows:
                found.append(([left.pop(members[row]) for row in rows], state.of_models(rows)))
    anew = list(left.values())
    return found + [(anew[first : first + at_once], None) for first in range(0, len(anew), at_once)]


def _train(
    runs: Sequence[ModelRun],
    plan: TrainingPlan,
    data: FeatureSet,
    teachers: Mapping[Path, Classifier],
    settings: Mapping[ModelRun, Mapping[str, Any]],
    resume: TrainingState | None,
    progress: Progress | None,
) -> None:
    epochs_done = resume.epochs if resume else 0
    if progress:
        for epochs in zip(*resume.histories, strict=True) if resume else ():
            for run, epoch in zip(runs, epochs, strict=True):
                progress(run.model, epoch)
    with contextlib.ExitStack() as opened:
        boards = [opened.enter_context(TensorBoard(run.folder / TENSORBOARD, epochs_done)) for run in runs]
        saved = time.monotonic()
        members = [fingerprint(settings[run]) for run in runs]

        def after_epoch(state: TrainingState) -> None:
            nonlocal saved
            if time.monotonic() - saved >= SAVE_SECONDS:
                save_state(runs[0].folder / RESUME, state, members)
                saved = time.monotonic()
            for run, board, history in zip(runs, boards, state.histories, strict=True):
                write_metrics(run.folder / METRICS, history)
                board.add(history[-1])
                if progress:
                    progress(run.model, history[-1])

        state = train_together(
            [run.model for run in runs],
            plan,
            data,
            [teachers[run.teacher] if run.teacher else None for run in runs],
            resume=resume,
            after_epoch=after_epoch,
        )
    scale = moments(data.splits["train"].features) if plan.training.standardize else None
    for row, run in enumerate(runs):
        network = plan.trained[run.model.method].method.network
        _finish(run, network, state, row, settings[run], scale)


def _finish(
    run: ModelRun,
    network: Kind,
    state: TrainingState,
    row: int,
    settings: Mapping[str, Any],
    scale: tuple[Tensor, Tensor] | None,
) -> None:
    selected, history = state.selected[row], state.histories[row]
    metadata = {
        "network": network,
        "selected": {"epoch": selected.epoch, "validation_auc": selected.validation_auc},
        "settings": settings,
    }
    weights = {name: tensor[row] for name, tensor in state.best.items()}
    save_network(run.folder / WEIGHTS, fold(weights, *scale) if scale else weights, metadata)
    write_metrics(run.folder / METRICS, history)
    finished = CompletionRecord(len(history), selected.epoch, selected.validation_auc, sha256_of(run.folder / WEIGHTS))
    write_text(run.folder / DONE, json.dumps(asdict(finished), indent=2) + "\n")
