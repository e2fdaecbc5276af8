"""The rows of a recipe: what its students say of the test clips, written as predictions and scored.

Late fusion is one more method: the mean of what the students of all streams say. Test labels are read in
`predictions.score` only. No training here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import torch

from distill.models import predict_probabilities
from distill.run_folder import load_student
from distill.settings import Variant
from evaluate.fusion import LATE, VARIANTS, Source, average, method_name
from evaluate.predictions import Predictions, Scores, read_predictions, score, write_predictions
from evaluate.students import run_folder
from manifests.recipe import Recipe
from manifests.schema import SPLITS, Manifest


def score_methods(recipe: Recipe, out: Path, manifest: Manifest, sources: Sequence[Source]) -> dict[str, list[Scores]]:
    """Write the predictions of every student, and of their late fusion if the recipe has it; score the table's rows.

    Args:
        recipe: with the seeds, and the fusion.
        out: the folder of runs and predictions.
        manifest: the test clips and, for scoring, their labels.
        sources: what the students see; all are trained.

    Returns:
        Method → one `Scores` a seed, in the order of the table.

    Raises:
        UserError: a run is not finished, or a file cannot be written.
    """
    test = tuple(manifest.split("test")["clip_id"])
    scores: dict[str, list[Scores]] = {}

    def keep(path: Path, predictions: Predictions, in_table: bool) -> None:
        write_predictions(path, predictions)
        if in_table:
            scores.setdefault(predictions.method, []).append(score(read_predictions(path), manifest))

    for source in sources:
        row = {clip_id: index for index, clip_id in enumerate(source.cache.clip_id)}
        features = torch.from_numpy(source.cache.features[[row[clip_id] for clip_id in test]])
        for variant, seed in product(VARIANTS, recipe.seeds):
            predictions = Predictions(
                probabilities=predict_probabilities(
                    load_student(run_folder(out / "runs", source, seed, variant)), features
                ),
                clip_ids=test,
                protocol=manifest.protocol,
                method=method_name(variant, source.name),
                seed=seed,
                classes=manifest.classes,
                provenance=_provenance(recipe, manifest, source.caches),
            )
            keep(_file(out, source, variant, seed), predictions, source.in_table)
    if recipe.fusion != "early":
        alone = [source for source in sources if len(source.caches) == 1]
        caches = {name: about for source in alone for name, about in source.caches.items()}
        for variant, seed in product(VARIANTS, recipe.seeds):
            parts = [read_predictions(_file(out, source, variant, seed)) for source in alone]
            fused = replace(
                parts[0],
                probabilities=average([part.probabilities for part in parts]),
                method=method_name(variant, LATE),
                provenance=_provenance(recipe, manifest, caches),
            )
            keep(out / "predictions" / f"late-fusion-{variant}-seed{seed}.h5", fused, in_table=True)
    return scores


def _file(out: Path, source: Source, variant: Variant, seed: int) -> Path:
    return out / "predictions" / source.folder / f"{variant}-seed{seed}.h5"


def _provenance(recipe: Recipe, manifest: Manifest, caches: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What a row comes from; `caches` are those that this row's students have seen, see `Source`."""
    settings = {name: about["settings"] for name, about in caches.items()}
    return {
        "recipe": recipe.model_dump(),
        "caches": caches,
        "backbone": [
            (f"{name}: " if recipe.streams else "") + f"{own.get('backbone')} ({own.get('weights')})"
            for name, own in settings.items()
        ],
        "random_weights": any(own.get("weights") == "random" for own in settings.values()),
        "synthetic_data": recipe.data.dataset == "stick-figures",
        "labels": "all",
        "clips": {name: int((manifest.clips["split"] == name).sum()) for name in SPLITS},
    }
