"""The models of a plan as run folders, teachers first, and the progress of training them all."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

from common.callbacks import ProgressCallback
from distill.feature_set import FeatureSet
from distill.run_folder import CompletionRecord, ModelRun, train_runs
from distill.training_plan import TrainingPlan
from distill.training_state import EpochResult, ModelId


def folder_of_model(folder: Path, model: ModelId) -> Path:
    """Return the run folder of a model inside the folder of all runs of a recipe."""
    return folder / f"seed{model.seed}" / model.method


def runs_of(plan: TrainingPlan, methods: Sequence[str], folder: Path) -> list[ModelRun]:
    """Return the runs of methods with every seed of the plan. The run of a teacher is in the same folder."""
    runs = []
    for method, seed in product(methods, plan.seeds):
        teacher = plan.trained[method].method.teacher
        runs.append(
            ModelRun(
                ModelId(method, seed),
                folder_of_model(folder, ModelId(method, seed)),
                folder_of_model(folder, ModelId(teacher, seed)) if teacher else None,
            )
        )
    return runs


class EpochCounter:
    """Counts the epochs of several calls of `train_runs`.

    Args:
        total: epochs of all models.
        progress: gets (epochs done, total).
    """

    def __init__(self, total: int, progress: ProgressCallback) -> None:
        self._total, self._progress = total, progress
        self._done: dict[Path, int] = {}

    def train(self, runs: Sequence[ModelRun], plan: TrainingPlan, data: FeatureSet) -> list[CompletionRecord]:
        """Call `train_runs` and count. A run that is already finished counts as all of its epochs."""
        folder_of = {run.model: run.folder for run in runs}

        def count_epoch(model: ModelId, epoch: EpochResult) -> None:
            self._count({folder_of[model]: epoch.epoch})

        finished = train_runs(runs, plan, data, count_epoch)
        self._count({run.folder: plan.training.epochs for run in runs})
        return finished

    def _count(self, epochs: dict[Path, int]) -> None:
        self._done |= epochs
        self._progress(sum(self._done.values()), self._total)
