"""The models of a recipe, trained into their run folders: of every source, seed and method.

A run that is finished is left as it is, one that was interrupted is gone on with (`distill.run_folder`).
"""

from collections.abc import Sequence
from pathlib import Path

from common.callbacks import ProgressCallback
from distill.feature_set import make_feature_set
from distill.runs import EpochCounter, runs_of
from distill.training_plan import TrainingPlan
from evaluate.pipeline.fusion import Source
from manifests.manifest import Manifest
from manifests.recipes.recipe import Recipe


def train_students(
    recipe: Recipe,
    plan: TrainingPlan,
    runs: Path,
    manifest: Manifest,
    sources: Sequence[Source],
    device: str,
    move: ProgressCallback,
) -> None:
    """Train what is missing: of every source the teachers that a method needs, then all students side by side.

    Args:
        recipe: names the folders.
        plan: what to train.
        runs: where the run folders go; see `runs_folder`.
        manifest: labels and splits; no test clip is looked at.
        sources: what they see.
        device: to train on.
        move: told the epochs done and all, over all models.

    Raises:
        UserError: clips without features, a folder of another run, a training that failed.
    """
    both = plan.teachers, plan.students
    counter = EpochCounter(len(sources) * len(plan.trained) * len(plan.seeds) * plan.training.epochs, move)
    for source in sources:
        data = make_feature_set(source.cache, manifest).to(device)
        for methods in both:
            counter.train(runs_of(plan, methods, runs_folder(runs, recipe, source)), plan, data)


def runs_folder(runs: Path, recipe: Recipe, source: Source) -> Path:
    """Return the folder of the runs of a source, see `distill.runs.folder_of_model`."""
    return runs / source.folder / labels_folder(recipe)


def labels_folder(recipe: Recipe) -> str:
    """Return the folder of what was trained with a share of the labels: empty with all, else as in `labels-0.1`."""
    return "" if recipe.labels.fraction == 1 else f"labels-{recipe.labels.fraction:g}"
