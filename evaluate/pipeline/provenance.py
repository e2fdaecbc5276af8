"""The provenance of predictions: the recipe, the caches and the clips that they come from."""

from collections.abc import Mapping
from typing import Any

from distill.label_fraction import kept_share
from distill.methods import METHODS
from evaluate.pipeline.scoring_plan import ScoringPlan
from manifests.manifest import SPLITS, Manifest


def provenance_of(
    plan: ScoringPlan, manifest: Manifest, method: str, caches: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the provenance of one row as plain values.

    Args:
        plan: the scoring plan.
        manifest: the clips.
        method: the method of the row.
        caches: content_sha256 and settings of the caches that the row's models have seen, by stream.
    """
    settings = {name: about["settings"] for name, about in caches.items()}
    labels = plan.training.labels
    return {
        "recipe": dict(plan.training.record),
        "caches": caches,
        "backbone": [
            (f"{name}: " if plan.has_named_streams else "") + f"{own.get('backbone')} ({own.get('weights')})"
            for name, own in settings.items()
        ],
        "random_weights": any(own.get("weights") == "random" for own in settings.values()),
        "features_saw_labels": labels.fraction < 1
        and any(own.get("backbone") == "va_cnn" and own.get("weights") != "random" for own in settings.values()),
        "synthetic_data": plan.synthetic_data,
        "sees_future": METHODS[method].sees_future,
        "labels": labels.share,
        "labels_kept": kept_share(manifest.split("train")["label"], labels.fraction),
        "clips": {name: int((manifest.clips["split"] == name).sum()) for name in SPLITS},
    }
