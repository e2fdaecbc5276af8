"""What decides the weights of a run, as plain values that can be stored and compared.

Nothing is read or written here, and nothing that leaves the weights as they are is listed.
"""

from typing import Any

from distill.features import FeatureSet
from distill.state import Job
from manifests.recipes.recipe import Recipe


def run_settings(recipe: Recipe, data: FeatureSet, job: Job, teacher_weights_sha256: str | None) -> dict[str, Any]:
    """Everything that decides the weights, and nothing else: a new α leaves teacher and baseline as they are."""
    method = job.about
    settings: dict[str, Any] = {
        "method": job.method,
        "seed": job.seed,
        "data": data_settings(data),
        "labels": recipe.labels.model_dump(exclude=None if method.unlabelled else {"classification_weight"}),
        "network": {"kind": method.network, "hidden": method.hidden(recipe)},
        "training": recipe.training.model_dump(),
    }
    if method.settings:
        settings[method.settings] = getattr(recipe, method.settings).model_dump()
    if teacher_weights_sha256:
        settings["teacher_weights_sha256"] = teacher_weights_sha256
    return settings


def data_settings(data: FeatureSet) -> dict[str, Any]:
    """Everything that decides what a model has seen."""
    return {
        "protocol": data.protocol,
        "clips": {name: len(split.clip_id) for name, split in data.splits.items()},
        "clips_left_out": len(data.missing),
        "classes": data.num_classes,
        "cache_sha256": data.cache_sha256,
        "labels_sha256": data.labels_sha256,
    }
