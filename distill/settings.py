"""What decides the weights of a run, as plain values that can be stored and compared.

Nothing is read or written here, and nothing that leaves the weights as they are is listed.
"""

from typing import Any, Literal

from distill.features import FeatureSet
from manifests.recipe import Recipe

Model = Literal["teacher", "student"]
Variant = Literal["with", "without"]


def run_settings(
    recipe: Recipe,
    data: FeatureSet,
    seed: int,
    model: Model,
    variant: Variant | None,
    teacher_weights_sha256: str | None,
) -> dict[str, Any]:
    """Everything that decides the weights, and nothing else: a new α leaves teacher and baseline as they are."""
    settings: dict[str, Any] = {
        "model": model,
        "seed": seed,
        "data": data_settings(data),
        model: (recipe.teacher if model == "teacher" else recipe.student).model_dump(),
        "training": recipe.training.model_dump(),
    }
    if model == "student":
        settings["variant"] = variant
    if variant == "with":
        settings["distillation"] = recipe.distillation.model_dump()
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
