"""The rows of a recipe: what its methods say of the validation and test clips, written as predictions and scored.

Late fusion is one more method: the mean of what the models of all streams say. Test labels are read in
`predictions.score` only. No training here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from distill.feature_set import FeatureSet, make_feature_set, refuse_not_finite
from distill.label_fraction import labelled_clips
from distill.methods import METHODS
from distill.models import predict_probabilities
from distill.run_folder import load_run
from distill.runs import folder_of_model
from distill.training_plan import TrainingPlan
from distill.training_state import ModelId
from evaluate.pipeline.fusion import LATE, Source, average, method_name
from evaluate.pipeline.students import labels_folder, runs_folder
from evaluate.scoring.early_gain import agreement
from evaluate.scoring.predictions import Predictions, read_predictions, write_predictions
from evaluate.scoring.scores import Scores, score_predictions
from manifests.datasets import is_synthetic
from manifests.manifest import SPLITS, Manifest
from manifests.recipes.recipe import Recipe


def score_methods(
    recipe: Recipe, plan: TrainingPlan, out: Path, manifest: Manifest, sources: Sequence[Source]
) -> dict[str, list[Scores]]:
    """Write the predictions of every method, and of their late fusion if the recipe has it; score the table's rows.

    Args:
        plan: of the training.
        recipe: with the methods, the seeds, and the fusion.
        out: the folder of runs and predictions.
        manifest: the clips and, for scoring, their labels.
        sources: what the models see; all are trained.

    Returns:
        Method → one `Scores` a seed, in the order of the table.

    Raises:
        UserError: a run is not finished, or a file cannot be written.
    """
    clips = (*manifest.split("validation")["clip_id"], *manifest.split("test")["clip_id"])
    tested = len(manifest.split("test"))
    scores: dict[str, list[Scores]] = {}

    def keep(path: Path, predictions: Predictions, in_table: bool) -> None:
        write_predictions(path, predictions)
        if in_table:
            scores.setdefault(predictions.method, []).append(score_predictions(read_predictions(path), manifest))

    for source in sources:
        row = {clip_id: index for index, clip_id in enumerate(source.cache.clip_id)}
        features = torch.from_numpy(source.cache.features[[row[clip_id] for clip_id in clips]])
        refuse_not_finite(features, clips)
        data = make_feature_set(source.cache, manifest) if plan.classical else None
        of_all_seeds: dict[str, NDArray[np.float32]] = {}  # what no seed has a part in
        for method, seed in product(recipe.methods, recipe.seeds):
            probabilities = of_all_seeds.get(method)
            if probabilities is None:
                probabilities = _probabilities(
                    recipe, plan, out / "runs", source, ModelId(method, seed), data, features
                )
            if method in plan.classical and recipe.labels.fraction == 1:
                of_all_seeds[method] = probabilities
            agreeing = {}
            if teacher := METHODS[method].teacher:
                taught = _probabilities(recipe, plan, out / "runs", source, ModelId(teacher, seed), data, features)
                agreeing["teacher_agreement"] = agreement(probabilities[-tested:], taught[-tested:]).tolist()
            predictions = Predictions(
                probabilities=probabilities,
                clip_ids=clips,
                protocol=manifest.protocol,
                method=method_name(method, source.name),
                seed=seed,
                classes=manifest.classes,
                provenance=_provenance(recipe, plan, manifest, method, source.caches) | agreeing,
            )
            keep(_file(out, recipe, source, method, seed), predictions, source.in_table)
    if recipe.fusion != "early":
        alone = [source for source in sources if len(source.caches) == 1]
        caches = {name: about for source in alone for name, about in source.caches.items()}
        for method, seed in product(recipe.methods, recipe.seeds):
            parts = [read_predictions(_file(out, recipe, source, method, seed)) for source in alone]
            fused = replace(
                parts[0],
                probabilities=average([part.probabilities for part in parts]),
                method=method_name(method, LATE),
                provenance=_provenance(recipe, plan, manifest, method, caches),
            )
            keep(out / "predictions" / labels_folder(recipe) / f"late-fusion-{method}-seed{seed}.h5", fused, True)
    return scores


def _probabilities(
    recipe: Recipe,
    plan: TrainingPlan,
    runs: Path,
    source: Source,
    job: ModelId,
    data: FeatureSet | None,
    features: torch.Tensor,
) -> NDArray[np.float32]:
    """What a method says of features (clips, N, D): a trained network, or training clips looked at anew."""
    if data is None or job.method in plan.trained:
        return predict_probabilities(load_run(folder_of_model(runs_folder(runs, recipe, source), job)), features)
    labelled = labelled_clips(data.splits["train"].labels, plan.labels.fraction, job.seed)
    own = plan.classical[job.method]
    return own.method.fit_predict(data, labelled, features, own.settings)


def _file(out: Path, recipe: Recipe, source: Source, method: str, seed: int) -> Path:
    return out / "predictions" / source.folder / labels_folder(recipe) / f"{method}-seed{seed}.h5"


def _provenance(
    recipe: Recipe, plan: TrainingPlan, manifest: Manifest, method: str, caches: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What a row comes from; `caches` are those that this row's models have seen, see `Source`."""
    settings = {name: about["settings"] for name, about in caches.items()}
    return {
        "recipe": dict(plan.record),
        "caches": caches,
        "backbone": [
            (f"{name}: " if recipe.streams else "") + f"{own.get('backbone')} ({own.get('weights')})"
            for name, own in settings.items()
        ],
        "random_weights": any(own.get("weights") == "random" for own in settings.values()),
        "features_saw_labels": recipe.labels.fraction < 1
        and any(own.get("backbone") == "va_cnn" and own.get("weights") != "random" for own in settings.values()),
        "synthetic_data": is_synthetic(recipe.data.dataset),
        "sees_future": METHODS[method].sees_future,
        "labels": recipe.labels.share,
        "clips": {name: int((manifest.clips["split"] == name).sum()) for name in SPLITS},
    }
