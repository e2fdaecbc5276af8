"""Run folders: one trained model each.

    recipe.json         what determines the weights, the versions, and the whole recipe
    labelled.txt        the labelled clips, if only some clips have a label
    targets.json        see `target_record`
    model.json          what is needed to recognise new recordings, see `model_description`
    and the files of `common.training_run`: curves, resume state, weights, completion

Models that train side by side have one common resume state, in the folder of the first of them. The training into run
folders is in `train_runs.py`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from common import training_run
from common.run_record import read_record
from common.training_run import WEIGHTS
from distill.checkpoint import load_classifier
from distill.models import Classifier
from distill.training_plan import TrainingPlan
from distill.training_state import ModelId

RECIPE, LABELLED = "recipe.json", "labelled.txt"


@dataclass(frozen=True)
class CompletionRecord:
    """The content of done.json."""

    epochs: int
    selected_epoch: int
    validation_auc: float
    weights_sha256: str


@dataclass(frozen=True)
class ModelRun:
    """A model to train, its run folder, and the run folder of its trained teacher (None: its method has no teacher)."""

    model: ModelId
    folder: Path
    teacher: Path | None = None


def runs_of(plan: TrainingPlan, methods: list[str], folder: Path) -> list[ModelRun]:
    """Return the runs of methods with every seed of the plan. The runs of their teachers are in the same folder."""
    models = [ModelId(method, seed) for method in methods for seed in plan.seeds]
    teachers = [plan.trained[model.method].method.teacher for model in models]
    return [
        ModelRun(
            model,
            folder_of_model(folder, model),
            folder_of_model(folder, ModelId(teacher, model.seed)) if teacher else None,
        )
        for model, teacher in zip(models, teachers, strict=True)
    ]


def folder_of_model(folder: Path, model: ModelId) -> Path:
    """Return the run folder of a model inside the folder of all runs of a recipe."""
    return folder / f"seed{model.seed}" / model.method


def load_run(folder: Path, device: torch.device | str = "cpu") -> Classifier:
    """Return the selected network of a finished run, in evaluation mode.

    Raises:
        UserError: the run is not finished, or it is damaged.
    """
    read_completion(folder)
    return load_classifier(folder / WEIGHTS).to(device)


def read_completion(folder: Path) -> CompletionRecord:
    """Return the completion record of a finished run.

    Raises:
        UserError: the run is not finished, or its weights are not the file that the training wrote.
    """
    return CompletionRecord(**training_run.read_completion(folder))


def read_settings(folder: Path) -> dict[str, Any]:
    """Return everything that determines the weights of a run: method, seed, data, network, training.

    Raises:
        UserError: the folder is not a run folder.
    """
    settings: dict[str, Any] = read_record(folder / RECIPE)["settings"]
    return settings
