"""A run folder: one training, its settings, curves and weights; killed at any moment, the same call goes on.

recipe.json (what decides the weights, versions, the recipe), metrics.csv, tensorboard/, resume.safetensors while it
trains, weights.safetensors (the selected epoch), and done.json, written last. No training loop here.
"""

import importlib.metadata
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from distill.checkpoint import load_model, load_state, save_state, save_weights
from distill.curves import TensorBoard, write_metrics
from distill.features import FeatureSet
from distill.models import Student, Teacher
from distill.settings import Model, Variant, data_settings, run_settings
from distill.train import Epoch, State, train_student, train_teacher
from manifests.claim import claim, differences, only_writer, read_record, refuse_other
from manifests.errors import UserError
from manifests.files import sha256_of, write_text
from manifests.recipe import Recipe

RECIPE, METRICS, TENSORBOARD = "recipe.json", "metrics.csv", "tensorboard"
RESUME, WEIGHTS, DONE = "resume.safetensors", "weights.safetensors", "done.json"
SAVE_SECONDS = 5.0  # between two writes of the resume state; what it misses is trained again, bit for bit


@dataclass(frozen=True)
class Finished:
    """What done.json says."""

    epochs: int
    selected_epoch: int
    validation_auc: float
    weights_sha256: str


def train_run(
    folder: Path,
    recipe: Recipe,
    data: FeatureSet,
    seed: int,
    *,
    model: Model = "student",
    variant: Variant | None = None,
    teacher: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
) -> Finished:
    """Train one model into its run folder; go on where it stood, or return at once if it is done.

    Args:
        folder: made if it is not there; refused if it holds anything but this very run.
        recipe: what to train.
        data: train and validation, on the device to train on.
        seed: see `train_student`.
        model: the network to train.
        variant: of a student, with or without distillation; None for a teacher.
        teacher: run folder of a finished teacher on the same data; read only where α > 0 gives it a say.
        progress: called with each epoch, those of an earlier call included.

    Raises:
        UserError: the folder is another run's, in use or not writable; no teacher where one is needed, or one
            trained on other data; the training failed.
    """
    if (model == "student") != (variant is not None):
        raise UserError("a student is trained with variant 'with' or 'without' distillation, a teacher with none")
    distillation = recipe.distillation if variant == "with" else None
    needs_teacher = distillation is not None and distillation.alpha > 0
    if needs_teacher and teacher is None:
        raise UserError(f"alpha = {recipe.distillation.alpha} needs the run folder of a trained teacher; give one")
    source = teacher if needs_teacher else None
    guide = _load_teacher_for(data, source) if source else None
    guide_sha256 = read_finished(source).weights_sha256 if source else None
    settings = run_settings(recipe, data, seed, model, variant, guide_sha256)

    if (folder / DONE).exists():
        return _already_finished(folder, settings)
    with only_writer(folder):
        if (folder / DONE).exists():  # by another process, a moment ago
            return _already_finished(folder, settings)
        _claim(folder, settings, recipe, data.splits["train"].features.device)
        resume = load_state(folder / RESUME) if (folder / RESUME).exists() else None
        history = resume.history if resume else ()
        if progress:
            for epoch in history:
                progress(epoch)
        with TensorBoard(folder / TENSORBOARD, len(history)) as tensorboard:
            after_epoch = _recorder(folder, tensorboard, progress)
            if model == "teacher":
                state = train_teacher(data, recipe, seed, resume=resume, after_epoch=after_epoch)
            else:
                state = train_student(data, recipe, seed, distillation, guide, resume=resume, after_epoch=after_epoch)
        return _finish(folder, state, model, settings)


def load_student(folder: Path, device: torch.device | str = "cpu") -> Student:
    """Return the selected student of a finished run, in evaluation mode.

    Raises:
        UserError: the run is not finished, damaged, or a teacher's.
    """
    read_finished(folder)
    student = load_model(folder / WEIGHTS, "student")
    assert isinstance(student, Student)
    return student.to(device)


def load_teacher(folder: Path, device: torch.device | str = "cpu") -> Teacher:
    """Return the selected teacher of a finished run, in evaluation mode.

    Raises:
        UserError: the run is not finished, damaged, or a student's.
    """
    read_finished(folder)
    teacher = load_model(folder / WEIGHTS, "teacher")
    assert isinstance(teacher, Teacher)
    return teacher.to(device)


def read_finished(folder: Path) -> Finished:
    """Return the completion record of a run whose weights are the very file that the training wrote.

    Raises:
        UserError: the run is not finished, or its weights are not those of its record.
    """
    if not (folder / DONE).exists():
        raise UserError(f"{folder} holds no finished run; run its training again, it goes on where it stood")
    finished = Finished(**read_record(folder / DONE))
    if not (folder / WEIGHTS).exists() or sha256_of(folder / WEIGHTS) != finished.weights_sha256:
        raise UserError(f"{folder / WEIGHTS} is not the file that the training wrote; remove {folder} and train again")
    return finished


def read_settings(folder: Path) -> dict[str, Any]:
    """Return all that decides the weights of a run: model, variant, seed, data, networks, training.

    Raises:
        UserError: not a run folder.
    """
    settings: dict[str, Any] = read_record(folder / RECIPE)["settings"]
    return settings


def _load_teacher_for(data: FeatureSet, folder: Path) -> Teacher:
    """The teacher, refused if it has seen other clips: they might be those that the student is tested on."""
    device = data.splits["train"].features.device
    teacher = load_teacher(folder, device)
    if differing := differences(read_settings(folder)["data"], data_settings(data)):
        raise UserError(f"the teacher of {folder} was trained on other data ({', '.join(differing)}); train its own")
    return teacher


def _already_finished(folder: Path, settings: Mapping[str, Any]) -> Finished:
    refuse_other(folder / RECIPE, {"settings": settings})
    return read_finished(folder)


def _claim(folder: Path, settings: Mapping[str, Any], recipe: Recipe, device: torch.device) -> None:
    versions = {
        "early-recognition": importlib.metadata.version("early-recognition"),
        "torch": str(torch.__version__),
        "device": device.type,
    }
    claim(folder / RECIPE, {"settings": settings, "versions": versions}, {"recipe": recipe.model_dump()})


def _recorder(
    folder: Path, tensorboard: TensorBoard, progress: Callable[[Epoch], None] | None
) -> Callable[[State], None]:
    """What happens after each epoch."""
    saved = time.monotonic()

    def after_epoch(state: State) -> None:
        nonlocal saved
        if time.monotonic() - saved >= SAVE_SECONDS:
            save_state(folder / RESUME, state)
            saved = time.monotonic()
        write_metrics(folder / METRICS, state.history)
        tensorboard.add(state.history[-1])
        if progress:
            progress(state.history[-1])

    return after_epoch


def _finish(folder: Path, state: State, model: Model, settings: Mapping[str, Any]) -> Finished:
    save_weights(folder / WEIGHTS, state, model, settings)
    write_metrics(folder / METRICS, state.history)
    selected = state.selected
    finished = Finished(len(state.history), selected.epoch, selected.validation_auc, sha256_of(folder / WEIGHTS))
    write_text(folder / DONE, json.dumps(asdict(finished), indent=2) + "\n")
    (folder / RESUME).unlink(missing_ok=True)
    return finished
