"""The predictions file: per clip and observation ratio the class probabilities, enough to score any method.

HDF5: `probabilities` (clips, N, C) float32 and `clip_id` (clips,); attributes `protocol`, `method`, `seed`,
`classes` (JSON list) and `provenance` (JSON object). No labels in it: `score` takes them from the manifest,
and is the only place where test labels are read. A file may have test clips only; with the validation clips too,
a threshold of confidence is chosen on them. No formulas (`metrics` and its neighbours), no models.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from common.errors import UserError
from common.file_kind import CSV, EMPTY, FOLDER, TEXT, TOML, kind_of
from common.files import atomic_write
from common.hdf5 import open_hdf5, refuse_system_error
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
from manifests.manifest import SPLITS, Manifest

ROUNDING = 1e-6  # how far a float32 probability that was computed as a quotient or a sum may be outside [0, 1]
ATTRIBUTES = ("protocol", "method", "seed", "classes", "provenance")


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one trained model says about some clips.

    Attributes:
        probabilities: (clips, N, C) float32; row n saw the first n+1 of N segments.
        clip_ids: (clips,), in any order.
        protocol: of the manifest that the clips are from.
        method: the name in tables and figures.
        seed: of the training run.
        classes: the C class names in the manifest's order.
        provenance: anything that JSON can hold. Tables and figures read `backbone` (a string, or a list with one of
            each stream); `random_weights`, `synthetic_data` and `features_saw_labels` (true or false); `labels` (share
            of labels used in training, "all" or "10%"); and `teacher_agreement` (N numbers: the share of test clips of
            which the method's teacher says the same).
    """

    probabilities: NDArray[np.float32]
    clip_ids: tuple[str, ...]
    protocol: str
    method: str
    seed: int
    classes: tuple[str, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)


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


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Check predictions and write them, atomically; the same predictions give the same bytes.

    Raises:
        UserError: a rule of the format is broken, or the file cannot be written.
    """
    _check(predictions, str(path))
    identifiers = [clip.encode() for clip in predictions.clip_ids]
    text = h5py.string_dtype("utf-8", max(map(len, identifiers)))
    with atomic_write(path) as temporary, open_hdf5(temporary, "w") as file:
        file.create_dataset("probabilities", data=predictions.probabilities, dtype=np.float32, track_times=False)
        file.create_dataset("clip_id", data=np.array(identifiers, dtype=text), track_times=False)
        file.attrs["protocol"] = predictions.protocol
        file.attrs["method"] = predictions.method
        file.attrs["seed"] = predictions.seed
        file.attrs["classes"] = json.dumps(predictions.classes, ensure_ascii=False)
        file.attrs["provenance"] = json.dumps(predictions.provenance, ensure_ascii=False, sort_keys=True)


def read_predictions(path: Path) -> Predictions:
    """Read and check a predictions file, ours or a stranger's.

    Probabilities that rounding took out of [0, 1] are set to 0 or 1.

    Raises:
        UserError: missing, not HDF5, a part missing or of the wrong kind, or a rule of the format is broken.
    """
    if (kind := kind_of(path)) in (FOLDER, CSV, TOML, TEXT, EMPTY):
        raise UserError(f"{path} is not a predictions file but {kind}; give an .h5 of a run's folder predictions")
    try:
        with open_hdf5(path) as file:
            missing = [name for name in ("probabilities", "clip_id") if name not in file]
            missing += [f"attribute {name}" for name in ATTRIBUTES if name not in file.attrs]
            if missing:
                raise UserError(
                    f"{path}: {missing[0]} is missing; evaluate/scoring/predictions.py describes the format"
                )
            predictions = Predictions(
                probabilities=np.asarray(file["probabilities"][()], dtype=np.float32),
                clip_ids=tuple(file["clip_id"].asstr()[()]),
                protocol=str(file.attrs["protocol"]),
                method=str(file.attrs["method"]),
                seed=int(file.attrs["seed"]),
                classes=tuple(json.loads(file.attrs["classes"])),
                provenance=dict(json.loads(file.attrs["provenance"])),
            )
    except FileNotFoundError as error:
        raise UserError(f"there are no predictions at {path}; write them first, one file a method and seed") from error
    except (OSError, TypeError, ValueError) as error:
        refuse_system_error(path, error)
        raise UserError(f"{path} is not a predictions file: {error}; write it again") from error
    _check(predictions, str(path))
    return replace(predictions, probabilities=predictions.probabilities.clip(0, 1))


def score(predictions: Predictions, manifest: Manifest) -> Scores:
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


def _joined(predictions: Predictions, clips: pd.DataFrame) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Probabilities (clips, N, C) and labels (clips,) of some clips of the manifest, in their order there."""
    row_of = {clip: row for row, clip in enumerate(predictions.clip_ids)}
    rows = [row_of[clip] for clip in clips["clip_id"]]
    return predictions.probabilities[rows], clips["label"].to_numpy(dtype=np.int64)


def _check(predictions: Predictions, name: str) -> None:
    probabilities, clips = predictions.probabilities, predictions.clip_ids
    expected = (len(clips), len(predictions.classes))
    if probabilities.ndim != 3 or probabilities.shape[::2] != expected or 0 in probabilities.shape:
        raise UserError(
            f"{name}: probabilities have shape {probabilities.shape}; with {expected[0]} clip ids and "
            f"{expected[1]} classes it must be ({expected[0]}, N, {expected[1]}), none of them 0"
        )
    if not predictions.method or not predictions.method.isprintable():
        raise UserError(f"{name}: the method's name {predictions.method!r} is empty or has a control character")
    if len(set(clips)) != len(clips):
        twice = next(clip for clip in clips if clips.count(clip) > 1)
        raise UserError(f"{name}: clip id {twice!r} stands twice; keep one row a clip")
    _refuse(~np.isfinite(probabilities).all(axis=2), clips, f"{name}: a probability is not a finite number")
    outside = (probabilities < -ROUNDING) | (probabilities > 1 + ROUNDING)
    _refuse(outside.any(axis=2), clips, f"{name}: a probability is not in [0, 1]")
    sums = probabilities.sum(axis=2, dtype=np.float64)  # (clips, N)
    _refuse(np.abs(sums - 1) > 1e-3, clips, f"{name}: the probabilities do not add up to 1")


def _refuse(wrong: NDArray[np.bool_] | np.bool_, clips: Sequence[str], sentence: str) -> None:
    """Raise `sentence` with the first clip and observation ratio where `wrong` (clips, N) holds."""
    if wrong.any():
        clip, level = np.argwhere(wrong)[0]
        raise UserError(
            f"{sentence} (clip {clips[clip]!r}, after segment {level + 1} of {wrong.shape[1]}); "
            "write softmax outputs, not logits"
        )


def _first_difference(predictions: Predictions, manifest: Manifest) -> str:
    if len(predictions.classes) != len(manifest.classes):
        return f"{len(predictions.classes)} classes against {len(manifest.classes)}"
    pairs = enumerate(zip(predictions.classes, manifest.classes, strict=True))
    index, (ours, theirs) = next((index, pair) for index, pair in pairs if pair[0] != pair[1])
    return f"class {index} is {ours!r} against {theirs!r}"
