"""The run settings: every value that determines the weights of a run, as plain values that are stored and compared.

They do not contain what cannot change the weights, such as the settings of other methods. They do not contain the code.
"""

from typing import Any

from distill.feature_set import FeatureSet
from distill.training_plan import TrainingPlan
from distill.training_state import ModelId


def run_settings(
    plan: TrainingPlan, data: FeatureSet, model: ModelId, teacher_weights_sha256: str | None
) -> dict[str, Any]:
    """Return everything that determines a model's weights. So α, for example, is not in those of the teacher."""
    own = plan.trained[model.method]
    settings: dict[str, Any] = {
        "method": model.method,
        "seed": model.seed,
        "data": data_settings(data),
        "labels": plan.labels.model_dump(exclude=None if own.method.unlabelled else {"classification_weight"}),
        "network": {"kind": own.method.network, "hidden": own.hidden},
        "training": plan.training.model_dump() | {"epochs": plan.training.epochs_for(data.train_clips)},
    }
    if own.method.section:
        settings[own.method.section] = own.settings.model_dump()
    if teacher_weights_sha256:
        settings["teacher_weights_sha256"] = teacher_weights_sha256
    return settings


def data_settings(data: FeatureSet) -> dict[str, Any]:
    """Return everything that determines which clips, labels and features a model has seen."""
    return {
        "protocol": data.protocol,
        "clips": {name: len(split.clip_id) for name, split in data.splits.items()},
        "clips_left_out": len(data.missing),
        "classes": data.num_classes,
        "cache_sha256": data.cache_sha256,
        "labels_sha256": data.labels_sha256,
    }
