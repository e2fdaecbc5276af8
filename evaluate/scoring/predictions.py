"""The predictions file: class probabilities per clip and observation ratio, which is enough to score any method.

The format is HDF5: `probabilities` (clips, N, C) float32 and `clip_id` (clips,); attributes `protocol`, `method`,
`seed`, `classes` (JSON list) and `provenance` (JSON object). The file holds no labels: `scores.score_predictions` takes
them from the manifest. The file needs the test clips. With the validation clips too, a threshold of confidence can be
chosen on them.

Where segments last a fixed time, the file also has the predictions after each segment: `after_segments` (clips, N', C)
float32 and `num_segments` (clips,), and the attribute `segment_seconds`. They may be left out; then nothing is known
about the accuracy by seconds.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.file_kind import CSV, EMPTY, FOLDER, TEXT, TOML, kind_of
from common.files import atomic_write
from common.hdf5 import open_hdf5, refuse_system_error

ROUNDING = 1e-6  # a float32 probability that is a quotient or a sum may be outside [0, 1] by this much
AFTER_SEGMENTS = "after_segments"
ATTRIBUTES = ("protocol", "method", "seed", "classes", "provenance")


@dataclass(frozen=True, eq=False)
class AfterSegments:
    """The class probabilities of some clips after each segment, where segments last a fixed time.

    Attributes:
        segment_seconds: how long a segment lasts.
        probabilities: (clips, N, C) float32. After the last segment of a clip, its last prediction is repeated.
        num_segments: (clips,) int64, how many segments each clip has, from 1 to N.
    """

    segment_seconds: float
    probabilities: NDArray[np.float32]
    num_segments: NDArray[np.int64]

    def of_clips(self, rows: Sequence[int]) -> "AfterSegments":
        """Return the predictions of some clips."""
        return replace(self, probabilities=self.probabilities[rows], num_segments=self.num_segments[rows])


@dataclass(frozen=True, eq=False)
class Predictions:
    """The class probabilities of one trained model for some clips.

    Attributes:
        probabilities: (clips, N, C) float32; [:, n] is the prediction from the first n + 1 of N segments.
        clip_ids: (clips,), in any order.
        protocol: protocol of the manifest that has the clips, see also `protocol_of_segments`.
        method: name in tables and figures.
        seed: seed of the training run.
        classes: the C class names in the manifest's order.
        provenance: anything that JSON can hold. Tables and figures read `backbone` (a string, or a list with one of
            each stream); `random_weights`, `synthetic_data` and `features_saw_labels` (true or false); `labels` (share
            of labels used in training, "all" or "10%"); and `teacher_agreement` (N numbers: the share of test clips of
            which the method's teacher predicts the same class).
        after_segments: the predictions after each segment, of the same clips; None: N segments share the length of each
            clip, or they are not known.
    """

    probabilities: NDArray[np.float32]
    clip_ids: tuple[str, ...]
    protocol: str
    method: str
    seed: int
    classes: tuple[str, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    after_segments: AfterSegments | None = None


def protocol_of_segments(protocol: str, segment_seconds: float | None) -> str:
    """Return the protocol of predictions from segments that last a fixed time: `ucf101-1-segments-0.3s`.

    They have seen a little less than the observation ratio says, so they are not compared with published rows.

    Args:
        protocol: of the manifest.
        segment_seconds: None: N segments shared the length of each clip, and the protocol is the manifest's.
    """
    return protocol if segment_seconds is None else f"{protocol}-segments-{segment_seconds:g}s"


def protocol_of_manifest(protocol: str) -> str:
    """Return the protocol of the manifest that predictions of this protocol belong to."""
    return re.sub(r"-segments-[\d.e-]+s$", "", protocol)


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Check predictions and write them atomically. The same predictions give the same bytes.

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
        if (after := predictions.after_segments) is not None:
            file.create_dataset(AFTER_SEGMENTS, data=after.probabilities, dtype=np.float32, track_times=False)
            file.create_dataset("num_segments", data=after.num_segments, dtype=np.int64, track_times=False)
            file.attrs["segment_seconds"] = after.segment_seconds


def read_predictions(path: Path) -> Predictions:
    """Read and check a predictions file, of this project or of others.

    A probability that is outside [0, 1] by rounding is set to 0 or 1.

    Raises:
        UserError: the file or a part of it is missing, is not HDF5, or breaks a rule of the format.
    """
    if (kind := kind_of(path)) in (FOLDER, CSV, TOML, TEXT, EMPTY):
        raise UserError(f"{path} is not a predictions file but {kind}; give an .h5 of a run's folder predictions")
    try:
        with open_hdf5(path) as file:
            missing = [name for name in ("probabilities", "clip_id") if name not in file]
            missing += [f"attribute {name}" for name in ATTRIBUTES if name not in file.attrs]
            if missing and "features" in file:
                raise UserError(
                    f"{path} is not a predictions file but a feature cache; give the .h5 files in the folder "
                    "predictions of a run, which `python -m evaluate reproduce RECIPE --cache FILE` trains on a cache"
                )
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
                after_segments=_read_after_segments(file),
            )
    except FileNotFoundError as error:
        raise UserError(
            f"there are no predictions at {path}; write them first, one file per method and seed"
        ) from error
    except (KeyError, OSError, TypeError, ValueError) as error:
        refuse_system_error(path, error)
        raise UserError(f"{path} is not a predictions file: {error}; write it again") from error
    _check(predictions, str(path))
    after = predictions.after_segments
    return replace(
        predictions,
        probabilities=predictions.probabilities.clip(0, 1),
        after_segments=None if after is None else replace(after, probabilities=after.probabilities.clip(0, 1)),
    )


def _read_after_segments(file: h5py.File) -> AfterSegments | None:
    if AFTER_SEGMENTS not in file:
        return None
    return AfterSegments(
        segment_seconds=float(file.attrs["segment_seconds"]),
        probabilities=np.asarray(file[AFTER_SEGMENTS][()], dtype=np.float32),
        num_segments=np.asarray(file["num_segments"][()], dtype=np.int64),
    )


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
        raise UserError(f"{name}: clip id {twice!r} occurs twice; keep one row per clip")
    _check_probabilities(probabilities, clips, name)
    if (after := predictions.after_segments) is None:
        return
    name, counts = f"{name}, {AFTER_SEGMENTS}", after.num_segments
    if after.probabilities.ndim != 3 or after.probabilities.shape[::2] != expected:
        raise UserError(
            f"{name}: the shape is {after.probabilities.shape}; it must be ({expected[0]}, N, {expected[1]})"
        )
    if counts.shape != (len(clips),) or not ((counts >= 1) & (counts <= after.probabilities.shape[1])).all():
        raise UserError(f"{name}: num_segments must have a number from 1 to N for each clip; write the file again")
    if not 0 < after.segment_seconds < np.inf:
        raise UserError(f"{name}: segment_seconds is {after.segment_seconds}; it must be a time above 0")
    _check_probabilities(after.probabilities, clips, name)


def _check_probabilities(probabilities: NDArray[np.float32], clips: Sequence[str], name: str) -> None:
    """Refuse (clips, N, C) numbers that are no probabilities."""
    _refuse(~np.isfinite(probabilities).all(axis=2), clips, f"{name}: a probability is not a finite number")
    outside = (probabilities < -ROUNDING) | (probabilities > 1 + ROUNDING)
    _refuse(outside.any(axis=2), clips, f"{name}: a probability is not in [0, 1]")
    sums = probabilities.sum(axis=2, dtype=np.float64)  # (clips, N)
    _refuse(np.abs(sums - 1) > 1e-3, clips, f"{name}: the probabilities do not add up to 1")


def _refuse(wrong: NDArray[np.bool_] | np.bool_, clips: Sequence[str], sentence: str) -> None:
    """Raise `sentence` with the first clip and segment for which `wrong` (clips, N) is true."""
    if wrong.any():
        clip, level = np.argwhere(wrong)[0]
        raise UserError(
            f"{sentence} (clip {clips[clip]!r}, after segment {level + 1} of {wrong.shape[1]}); "
            "write softmax outputs, not logits"
        )
