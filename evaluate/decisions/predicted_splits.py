"""Predictions files as what decision rules are fitted on and judged on."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from common.errors import UserError
from evaluate.decisions.judgement import SplitPredictions
from evaluate.scoring.predictions import Predictions, read_predictions
from evaluate.scoring.scores import check_fits, join
from manifests.manifest import Manifest

LEAST_CLIPS = 2  # of the validation split: a cross-validation needs two parts


def read_splits(paths: Iterable[Path], manifest: Manifest) -> dict[str, list[SplitPredictions]]:
    """Read predictions files, each with the labels of its validation and test clips.

    Args:
        paths: of predictions files.
        manifest: has the splits and the labels.

    Returns:
        Method → one entry per file, in the order of the paths.

    Raises:
        UserError: a file is no predictions file, is of another protocol, other classes or other clips, or has no
            predictions of the validation clips.
    """
    splits = defaultdict(list)
    for path in paths:
        predictions = read_predictions(path)
        splits[predictions.method].append(split_predictions(path, predictions, manifest))
    return dict(splits)


def split_predictions(path: Path, predictions: Predictions, manifest: Manifest) -> SplitPredictions:
    """Return predictions by split, with the labels.

    Args:
        path: of the predictions, for messages.
        predictions: of one model.
        manifest: see `read_splits`.

    Raises:
        UserError: see `read_splits`.
    """
    validation, test = manifest.clips[manifest.clips["split"] == "validation"], manifest.split("test")
    if len(validation) < LEAST_CLIPS:
        raise UserError(
            f"the manifest has {len(validation)} validation clips, and decision rules are fitted on them; "
            "set training groups apart for validation (--hold-out or --val of `python -m manifests`)"
        )
    check_fits(predictions, manifest)
    if missing := sorted(set(validation["clip_id"]) - set(predictions.clip_ids)):
        raise UserError(
            f"{path} has no predictions of {len(missing)} of the {len(validation)} validation clips, as of "
            f"{missing[0]}; decision rules are fitted on them: write the predictions of both splits"
        )
    return SplitPredictions(*join(predictions, validation), *join(predictions, test))
