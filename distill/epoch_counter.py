"""The progress of several calls of `train_runs`, and the sentence about models that were finished before them."""

from collections.abc import Sequence
from pathlib import Path

from common.callbacks import ProgressCallback
from distill.feature_set import FeatureSet
from distill.run_folder import CompletionRecord, ModelRun
from distill.train_runs import count_finished, train_runs
from distill.training_plan import TrainingPlan
from distill.training_state import EpochResult, ModelId


def finished_notice(count: int, folder: Path) -> str:
    """Return the sentence for the user about models in `folder` that were finished before and were only read."""
    models = "1 model was" if count == 1 else f"{count} models were"
    return f"{folder}: {models} finished before, and only read now; after a change of code, give a new folder (--out)"


class EpochCounter:
    """Counts the epochs of several calls of `train_runs`.

    Args:
        total: epochs of all models.
        progress: gets (epochs done, total).

    Attributes:
        finished_before: how many models were finished before these calls, so that they were only read.
    """

    def __init__(self, total: int, progress: ProgressCallback) -> None:
        self._total, self._progress = total, progress
        self._done: dict[Path, int] = {}
        self.finished_before = 0

    def train(self, runs: Sequence[ModelRun], plan: TrainingPlan, data: FeatureSet) -> list[CompletionRecord]:
        """Call `train_runs` and count. A run that is already finished counts as all of its epochs."""
        folder_of = {run.model: run.folder for run in runs}
        self.finished_before += count_finished([run for run in runs if run.folder not in self._done])

        def count_epoch(model: ModelId, epoch: EpochResult) -> None:
            self._count({folder_of[model]: epoch.epoch})

        records = train_runs(runs, plan, data, count_epoch)
        self._count({run.folder: plan.training.epochs_for(data.train_clips) for run in runs})
        return records

    def _count(self, epochs: dict[Path, int]) -> None:
        self._done |= epochs
        self._progress(sum(self._done.values()), self._total)
