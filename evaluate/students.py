"""Teachers and students of a recipe, trained into their run folders: of every source, seed and variant.

A run that is finished is left as it is, one that was interrupted is gone on with (`distill.run_folder`).
"""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

from distill.features import load_features
from distill.run_folder import train_run
from distill.settings import Model, Variant
from distill.train import Epoch
from evaluate.fusion import VARIANTS, Source
from evaluate.inputs import Move
from manifests.recipe import Recipe
from manifests.schema import Manifest


def train_students(
    recipe: Recipe, runs: Path, manifest: Manifest, sources: Sequence[Source], device: str, move: Move
) -> None:
    """Train what is missing of all students, each seed's teacher before them, and none where it would have no say.

    Args:
        recipe: what to train.
        runs: where the run folders go; see `run_folder`.
        manifest: labels and splits; no test clip is looked at.
        sources: what they see.
        device: to train on.
        move: told the epochs done and all, over all models.

    Raises:
        UserError: clips without features, a folder of another run, a training that failed.
    """
    taught = recipe.distillation.alpha > 0
    models: list[tuple[Model, Variant | None]] = [("teacher", None)] if taught else []
    models += [("student", variant) for variant in VARIANTS]
    epochs = recipe.training.epochs
    total = len(sources) * len(recipe.seeds) * len(models) * epochs
    done = 0
    for source in sources:
        data = load_features(source.cache, manifest).to(device)
        for seed, (model, variant) in product(recipe.seeds, models):

            def show(epoch: Epoch, before: int = done) -> None:
                move(before + epoch.epoch, total)

            folder = run_folder(runs, source, seed, variant or model)
            teacher = run_folder(runs, source, seed, "teacher") if variant and taught else None
            train_run(folder, recipe, data, seed, model=model, variant=variant, teacher=teacher, progress=show)
            done += epochs
            move(done, total)


def run_folder(runs: Path, source: Source, seed: int, model: str) -> Path:
    """Return the run folder of a model: "teacher", or the variant of a student."""
    return runs / source.folder / f"seed{seed}" / model
