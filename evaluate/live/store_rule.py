"""Fit the best decision rule to the answers of a model, and store it with the model.

`predict` answers with the mean of the probabilities of all networks. So the rules see the mean of the predictions of
all seeds, and not those of one seed.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from common.callbacks import ProgressCallback, no_progress
from common.config import parse_config
from common.errors import UserError
from distill.model_description import segment_seconds
from evaluate.decisions import RULES
from evaluate.decisions.judgement import SplitPredictions, judge_rules
from evaluate.decisions.predicted_splits import split_predictions
from evaluate.decisions.stored_rule import StoredRule, write_rule
from evaluate.decisions.temperature import fit_temperature, scale
from evaluate.live.model_predictions import read_model_predictions
from evaluate.live.model_rule import networks_of, rule_file
from evaluate.live.trained_model import TrainedModel
from evaluate.pipeline.sources import average
from evaluate.scoring.metrics import Floats, Labels
from manifests.manifest import Manifest


@dataclass(frozen=True, eq=False)
class Stored:
    """What was stored.

    Attributes:
        file: the file of the rule, in the folder of the model.
        rule: the rule.
        table: all rules on the mean of the seeds, see `evaluate.decisions.judgement.judge_rules`.
        clips: the number of validation and of test clips.
    """

    file: Path
    rule: StoredRule
    table: pd.DataFrame
    clips: tuple[int, int]


def store_rule(
    predictions: Sequence[Path],
    manifest: Manifest,
    model: TrainedModel,
    price: float,
    progress: ProgressCallback = no_progress,
) -> Stored:
    """Store the rule that costs least on the validation clips, in a cross-validation; of several the first one.

    The labels of test clips only score the rules in the table.

    Args:
        predictions: the predictions file of each seed of the model.
        manifest: has the splits and the labels.
        model: the rule is stored in its folder.
        price: of waiting, 0 to 1.
        progress: gets (rules done, total).

    Raises:
        UserError: the model's segments last a fixed time, the predictions are not those of the model, or do not fit the
            manifest, or the file cannot be written.
    """
    if segment_seconds(model.description) is not None:
        raise UserError(
            f"the segments of the model in {model.folder} last a fixed time, and a rule is fitted at observation "
            "ratios, which a live stream does not have; leave --store out, and watch decides by --threshold"
        )
    every = read_model_predictions(predictions, model)
    splits = [split_predictions(path, own, manifest) for path, own in every.items()]
    mean = SplitPredictions(
        average([own.validation for own in splits]),
        splits[0].validation_labels,
        average([own.test for own in splits]),
        splits[0].test_labels,
    )
    table = judge_rules([mean], [price], progress=progress)
    best = str(table.loc[table["best"], "rule"].item())
    rule = _fit(best, price, mean.validation, mean.validation_labels, model)
    file = rule_file(model)
    write_rule(file, rule)
    return Stored(file, rule, table, (len(mean.validation_labels), len(mean.test_labels)))


def _fit(name: str, price: float, probabilities: Floats, labels: Labels, model: TrainedModel) -> StoredRule:
    """Return a rule that is fitted on validation clips: probabilities (clips, N, C), labels (clips,)."""
    temperature = fit_temperature(probabilities, labels)
    values = {
        "rule": name,
        "price": price,
        "temperature": temperature,
        "method": model.description.method,
        "seeds": model.seeds,
        "networks": networks_of(model),
        "num_segments": probabilities.shape[1],
        "num_classes": probabilities.shape[2],
        "fitted_on": _sha256(probabilities, labels),
        "fitted": RULES[name].fit(scale(probabilities, temperature), labels, price),
    }
    return parse_config(StoredRule, values, "the decision rule")


def _sha256(probabilities: Floats, labels: Labels) -> str:
    return hashlib.sha256(probabilities.tobytes() + labels.astype(np.int64).tobytes()).hexdigest()
