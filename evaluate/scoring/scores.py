"""The scores of one model on the test split, and which scores are comparable.

`score_predictions` is the only function that reads the labels of test clips. It takes them from the manifest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from common.errors import UserError
from evaluate.scoring.calibration import expected_calibration_error
from evaluate.scoring.earliness import Decision, choose_threshold, judge, time_to_correct
from evaluate.scoring.early_gain import accuracy_by_class
from evaluate.scoring.metrics import (
    accuracy_by_ratio,
    auc_mean,
    auc_trapezoid,
    correct_by_ratio,
    topk_accuracy_by_ratio,
)
from evaluate.scoring.predictions import Predictions
from manifests.manifest import SPLITS, Manifest


@dataclass(frozen=True, eq=False)
class Scores:
    """How one model does on the test split; fractions, and clip by clip in the order of the manifest.

    Attributes:
        accuracy: (N,) top-1 accuracy at the observation ratios 1/N … 1.
        top5: (N,) top-5 accuracy; with fewer than five classes always 1.
        clips: clips per split of the manifest.
        classes: size of the class order, C.
        classes_tested: how many of them occur in the test split (fewer than C in a subset).
        labels: (I,) of the I test clips.
        groups: (I,) who or what they show, of the manifest.
        correct: (I, N) whether the most probable class is the label.
        calibration_error: (N,) see `evaluate.scoring.calibration`.
        decision: with the threshold that is the best on the validation split; None where its clips have no predictions.
    """

    method: str
    protocol: str
    seed: int
    accuracy: NDArray[np.float64]
    top5: NDArray[np.float64]
    clips: Mapping[str, int]
    classes: int
    classes_tested: int
    provenance: Mapping[str, Any]
    labels: NDArray[np.int64]
    groups: tuple[str, ...]
    correct: NDArray[np.bool_]
    calibration_error: NDArray[np.float64]
    decision: Decision | None

    @property
    def auc_mean(self) -> float:
        """Mean accuracy over the N ratios: the literature's AUC."""
        return auc_mean(self.accuracy)

    @property
    def auc_trapezoid(self) -> float:
        """Area by the trapezoid rule over the ratios 1/N … 1."""
        return auc_trapezoid(self.accuracy)

    @property
    def time_to_correct(self) -> NDArray[np.float64]:
        """(I,) observed fraction from which on a clip is right and stays right; NaN: never."""
        return time_to_correct(self.correct)

    @property
    def class_accuracy(self) -> NDArray[np.float64]:
        """(C, N) accuracy of each class by observation ratio; NaN where it has no test clips."""
        return accuracy_by_class(self.correct, self.labels, self.classes)


def score_predictions(predictions: Predictions, manifest: Manifest) -> Scores:
    """Score predictions on the test split of a manifest, joined by clip id.

    Predictions for validation clips choose the threshold of `decision`, if they are there for every one. Those for
    other clips are not looked at.

    Raises:
        UserError: another protocol or class order than the manifest's, or test clips without a prediction.
    """
    name = f"predictions of {predictions.method}, seed {predictions.seed}"
    if predictions.protocol != manifest.protocol:
        raise UserError(
            f"{name} are for protocol {predictions.protocol}, the manifest is {manifest.protocol}; "
            "score them against the manifest they were made with"
        )
    if predictions.classes != manifest.classes:
        raise UserError(
            f"{name} have another class order than the manifest ({_first_difference(predictions, manifest)}); "
            "put the probabilities in the order of the manifest's classes file"
        )
    test, validation = manifest.split("test"), manifest.clips[manifest.clips["split"] == "validation"]
    known = set(predictions.clip_ids)
    missing = [clip for clip in test["clip_id"] if clip not in known]
    if missing:
        raise UserError(
            f"{name} lack {len(missing)} of the {len(test)} test clips: {', '.join(missing[:3])}"
            f"{', …' if len(missing) > 3 else ''}; every test clip needs a prediction"
        )
    probabilities, labels = _joined(predictions, test)
    decision = None
    if len(validation) and known.issuperset(validation["clip_id"]):
        decision = judge(probabilities, labels, choose_threshold(*_joined(predictions, validation)))
    return Scores(
        method=predictions.method,
        protocol=predictions.protocol,
        seed=predictions.seed,
        accuracy=accuracy_by_ratio(probabilities, labels),
        top5=topk_accuracy_by_ratio(probabilities, labels, k=5),
        clips={split: int((manifest.clips["split"] == split).sum()) for split in SPLITS},
        classes=len(manifest.classes),
        classes_tested=len(np.unique(labels)),
        provenance=predictions.provenance,
        labels=labels,
        groups=tuple(test["group"]),
        correct=correct_by_ratio(probabilities, labels),
        calibration_error=expected_calibration_error(probabilities, labels),
        decision=decision,
    )


def observation_ratios(scores: Scores) -> tuple[float, ...]:
    """Return the N observation ratios of scores in per cent: (10.0, 20.0, … 100.0) for N = 10."""
    count = len(scores.accuracy)
    return tuple(100 * level / count for level in range(1, count + 1))


def check_comparable(scores: Mapping[str, Sequence[Scores]]) -> Scores:
    """Return the first of `scores`, once all are seen to be on the same clips, with no seed twice in a method.

    Raises:
        UserError: they are not, or there are none.
    """
    runs = [run for method in scores.values() for run in method]
    if not runs or not all(scores.values()):
        raise UserError("there are no scores to show; give every method at least one predictions file")
    for run in runs:
        for what in ("protocol", "clips", "classes", "classes_tested"):
            if getattr(run, what) != getattr(runs[0], what):
                raise UserError(
                    f"{run.method} and {runs[0].method} differ in {what}: {getattr(run, what)} and "
                    f"{getattr(runs[0], what)}; show them in two tables"
                )
        if len(run.accuracy) != len(runs[0].accuracy):
            raise UserError(f"{run.method} and {runs[0].method} differ in the number of segments; show two tables")
    for method, own in scores.items():
        if len({run.seed for run in own}) != len(own):
            raise UserError(f"{method}: a seed stands twice among {sorted(run.seed for run in own)}; give each once")
    return runs[0]


def stream_of(method: str) -> str:
    """Return what methods on the same features share: `rgb` of `With distillation, rgb`; else the method itself."""
    return method.partition(", ")[2] or method


def _joined(predictions: Predictions, clips: pd.DataFrame) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Probabilities (clips, N, C) and labels (clips,) of some clips of the manifest, in their order there."""
    row_of = {clip: row for row, clip in enumerate(predictions.clip_ids)}
    rows = [row_of[clip] for clip in clips["clip_id"]]
    return predictions.probabilities[rows], clips["label"].to_numpy(dtype=np.int64)


def _first_difference(predictions: Predictions, manifest: Manifest) -> str:
    if len(predictions.classes) != len(manifest.classes):
        return f"{len(predictions.classes)} classes against {len(manifest.classes)}"
    pairs = enumerate(zip(predictions.classes, manifest.classes, strict=True))
    index, (ours, theirs) = next((index, pair) for index, pair in pairs if pair[0] != pair[1])
    return f"class {index} is {ours!r} against {theirs!r}"
