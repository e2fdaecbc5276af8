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
from evaluate.scoring.predictions import Predictions, protocol_of_manifest
from evaluate.scoring.seconds import SecondsScores, score_seconds
from manifests.manifest import SPLITS, Manifest


@dataclass(frozen=True, eq=False)
class Scores:
    """The results of one model on the test split: fractions, and results by clip in the order of the manifest.

    Attributes:
        accuracy: (N,) top-1 accuracy at the observation ratios 1/N … 1.
        top5: (N,) top-5 accuracy; with fewer than five classes always 1.
        clips: number of clips per split of the manifest.
        classes: C, the number of classes.
        classes_tested: number of classes in the test split; fewer than C in a subset.
        labels: (I,) labels of the I test clips.
        groups: (I,) groups of the test clips in the manifest, such as the persons.
        correct: (I, N) whether the most probable class is the label.
        calibration_error: (N,) expected calibration error, see `evaluate.scoring.calibration`.
        decision: the result of the threshold that is best on the validation clips; None: some have no prediction.
        seconds: the results after each segment, where segments last a fixed time; None: not known.
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
    seconds: SecondsScores | None = None

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
        """(I,) observed fraction from which on a prediction is right and stays right; NaN: it is wrong at the end."""
        return time_to_correct(self.correct)

    @property
    def class_accuracy(self) -> NDArray[np.float64]:
        """(C, N) accuracy of each class by observation ratio; NaN for a class without test clips."""
        return accuracy_by_class(self.correct, self.labels, self.classes)


def score_predictions(predictions: Predictions, manifest: Manifest) -> Scores:
    """Return the scores of predictions on the test split of a manifest, joined by clip id.

    If all validation clips have a prediction, they choose the threshold of `decision`. Predictions for other clips are
    ignored.

    Raises:
        UserError: the protocol or the class order is not the manifest's, or a test clip has no prediction.
    """
    check_fits(predictions, manifest)
    test, validation = manifest.split("test"), manifest.clips[manifest.clips["split"] == "validation"]
    known = set(predictions.clip_ids)
    probabilities, labels = join(predictions, test)
    after, decision, seconds = predictions.after_segments, None, None
    if after is not None:
        seconds = score_seconds(after.of_clips(_rows(predictions, test)), labels)
    if len(validation) and known.issuperset(validation["clip_id"]):
        decision = judge(probabilities, labels, choose_threshold(*join(predictions, validation)))
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
        seconds=seconds,
    )


def check_fits(predictions: Predictions, manifest: Manifest) -> None:
    """Refuse predictions of another protocol or other classes than the manifest's, or that lack a test clip.

    Raises:
        UserError: with the first difference.
    """
    name = f"predictions of {predictions.method}, seed {predictions.seed}"
    if manifest.protocol not in (predictions.protocol, protocol_of_manifest(predictions.protocol)):
        raise UserError(
            f"{name} are for protocol {predictions.protocol}, the manifest is {manifest.protocol}; "
            "score them with the manifest that they were made with"
        )
    if predictions.classes != manifest.classes:
        raise UserError(
            f"{name} have another class order than the manifest ({_first_difference(predictions, manifest)}); "
            "put the probabilities in the order of the manifest's classes file"
        )
    test = manifest.split("test")
    known = set(predictions.clip_ids)
    missing = [clip for clip in test["clip_id"] if clip not in known]
    if missing:
        raise UserError(
            f"{name} lack {len(missing)} of the {len(test)} test clips: {', '.join(missing[:3])}"
            f"{', …' if len(missing) > 3 else ''}; every test clip needs a prediction"
        )


def observation_ratios(scores: Scores) -> tuple[float, ...]:
    """Return the N observation ratios of scores in per cent: (10.0, 20.0, … 100.0) for N = 10."""
    count = len(scores.accuracy)
    return tuple(100 * level / count for level in range(1, count + 1))


def check_comparable(scores: Mapping[str, Sequence[Scores]]) -> Scores:
    """Return the first of `scores` after a check that all are comparable.

    Raises:
        UserError: there are no scores, they differ in clips, classes or segments, or a method has a seed twice.
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
            raise UserError(f"{method}: a seed occurs twice among {sorted(run.seed for run in own)}; give each once")
    return runs[0]


def stream_of(method: str) -> str:
    """Return the part of a name that methods on the same features share: `rgb` of `With distillation, rgb`.

    A name without such a part is returned as it is.
    """
    return method.partition(", ")[2] or method


def join(predictions: Predictions, clips: pd.DataFrame) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return probabilities (clips, N, C) and labels (clips,) of some clips, in the order of the manifest."""
    return predictions.probabilities[_rows(predictions, clips)], clips["label"].to_numpy(dtype=np.int64)


def _rows(predictions: Predictions, clips: pd.DataFrame) -> list[int]:
    """Return the rows of some clips in predictions."""
    row_of = {clip: row for row, clip in enumerate(predictions.clip_ids)}
    return [row_of[clip] for clip in clips["clip_id"]]


def _first_difference(predictions: Predictions, manifest: Manifest) -> str:
    if len(predictions.classes) != len(manifest.classes):
        return f"{len(predictions.classes)} classes against {len(manifest.classes)}"
    pairs = enumerate(zip(predictions.classes, manifest.classes, strict=True))
    index, (ours, theirs) = next((index, pair) for index, pair in pairs if pair[0] != pair[1])
    return f"class {index} is {ours!r} against {theirs!r}"
