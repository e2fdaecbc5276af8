"""A sweep: every combination of some values of a recipe is trained, and compared on the validation split.

A killed sweep resumes with the same command. No test clip is read, so the test split can still judge the chosen values.
"""

import csv
import io
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from common.callbacks import Notify, ProgressCallback, no_notice, no_progress
from common.errors import UserError
from common.files import write_text
from common.run_record import claim, fingerprint
from distill.combinations import Values, combination_name
from distill.epoch_counter import EpochCounter, finished_notice
from distill.feature_set import FeatureSet
from distill.run_folder import ModelRun, read_completion
from distill.run_settings import data_settings, run_settings
from distill.training_plan import TrainingPlan, check_classes, check_num_segments
from distill.training_state import ModelId

PLAN, RUNS, RESULT = "plan.json", "runs", "sweep.csv"


@dataclass(frozen=True)
class Outcome:
    """The validation AUC of one method in one combination, of each seed, as fractions."""

    values: Values
    method: str
    validation_auc: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.validation_auc))

    @property
    def std(self) -> float:
        """The sample standard deviation over seeds; 0 for one seed."""
        return float(np.std(self.validation_auc, ddof=1)) if len(self.validation_auc) > 1 else 0.0


def parse_axes(given: Sequence[str]) -> dict[str, list[Any]]:
    """Read `distillation.alpha=0.25,0.5` as a key and its values, written as in TOML.

    Raises:
        UserError: an option has another form, or has a key or a value twice.
    """
    axes: dict[str, list[Any]] = {}
    for text in given:
        key, equals, values = text.partition("=")
        try:
            parsed = tomllib.loads(f"values = [{values}]")["values"] if equals else []
        except tomllib.TOMLDecodeError:
            parsed = []
        if not parsed or not key:
            raise UserError(
                f"--set {text}: write KEY=VALUE,VALUE with values as in a recipe, like training.epochs=50,100 "
                'or \'training.schedule="cosine","constant"\''
            )
        if key in axes:
            raise UserError(f"--set {key} is given twice; write all its values behind one")
        if len({repr(value) for value in parsed}) != len(parsed):
            raise UserError(f"--set {text}: a value is given twice")
        axes[key] = parsed
    return axes


def run_sweep(
    record: Mapping[str, Any],
    combinations: Sequence[tuple[Values, TrainingPlan]],
    data: FeatureSet,
    out: Path,
    progress: ProgressCallback = no_progress,
    notify: Notify = no_notice,
) -> list[Outcome]:
    """Train every combination of values, each with all methods and seeds, into `out`.

    Args:
        record: what is varied and which values it gets, as plain values; a folder with another record is refused.
        combinations: see `combinations.vary_recipe`; all methods train a network.
        data: training and validation split.
        out: the folder of this sweep.
        progress: gets (epochs done, all epochs).
        notify: gets a sentence if models were finished before, because these are only read.

    Returns:
        The outcomes, the best mean validation AUC first.

    Raises:
        UserError: a combination cannot work (before any is trained), the folder holds another sweep, or a training
            fails.
    """
    for values, plan in combinations:
        if plan.classical:
            untrained = next(iter(plan.classical))
            raise UserError(f"{untrained} is not trained, so there is nothing to sweep; leave it out of methods")
        try:
            check_num_segments(plan, data.num_segments)
        except UserError as error:
            raise UserError(f"with {combination_name(values)}: {error}") from error
    check_classes(data.splits["train"].labels.tolist(), data.protocol)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {out}: {error.strerror}; give another") from error
    claim(out / PLAN, {**record, "data": data_settings(data)}, {})
    epochs = sum(plan.epochs(data.train_clips) for _, plan in combinations)
    counter = EpochCounter(epochs, progress)
    outcomes = [
        outcome for values, plan in combinations for outcome in _train_combination(values, plan, data, out, counter)
    ]
    if counter.finished_before:
        notify(finished_notice(counter.finished_before, out))
    outcomes.sort(key=lambda outcome: -outcome.mean)
    write_text(out / RESULT, render_csv(outcomes))
    return outcomes


def render_csv(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as CSV: the values, the method, mean and deviation of the validation AUC in per cent."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    keys = list(outcomes[0].values)
    writer.writerow([*keys, "method", "seeds", "validation_auc", "validation_auc_std"])
    for outcome in outcomes:
        numbers = [f"{100 * outcome.mean:.6g}", f"{100 * outcome.std:.6g}"]
        values = [json.dumps(value) for value in outcome.values.values()]
        writer.writerow([*values, outcome.method, len(outcome.validation_auc), *numbers])
    return text.getvalue()


def _train_combination(
    values: Values, plan: TrainingPlan, data: FeatureSet, out: Path, counter: EpochCounter
) -> list[Outcome]:
    """Train the teachers and then the students of one combination; return the outcome of each method."""
    runs: dict[ModelId, ModelRun] = {}
    auc: dict[ModelId, float] = {}
    for methods in (plan.teachers, plan.students):
        models = [ModelId(method, seed) for method, seed in product(methods, plan.seeds)]
        runs |= {model: _run(out / RUNS, plan, data, model, runs) for model in models}
        finished = counter.train([runs[model] for model in models], plan, data)
        auc |= {model: record.validation_auc for model, record in zip(models, finished, strict=True)}
    return [
        Outcome(values, method, tuple(auc[ModelId(method, seed)] for seed in plan.seeds)) for method in plan.methods
    ]


def _run(
    folder: Path, plan: TrainingPlan, data: FeatureSet, model: ModelId, trained: Mapping[ModelId, ModelRun]
) -> ModelRun:
    """Return the run of a model, in a folder named after its settings: a model that two combinations share is trained
    once.
    """
    teacher_method = plan.trained[model.method].method.teacher
    teacher = trained[ModelId(teacher_method, model.seed)].folder if teacher_method else None
    settings = run_settings(plan, data, model, read_completion(teacher).weights_sha256 if teacher else None)
    return ModelRun(model, folder / f"{model.method}-seed{model.seed}-{fingerprint(settings)[:12]}", teacher)
