"""A sweep: one recipe with some of its values varied, every combination trained, compared on validation clips.

The plan is written down first and the run folders do the rest: the same command goes on where it was killed. No test
clip is read, so what is chosen here may be tested afterwards.
"""

import csv
import io
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from common.config import key_hint, parse_config
from common.errors import UserError
from common.files import write_text
from common.run_record import claim, fingerprint
from distill.features import FeatureSet
from distill.methods import METHODS
from distill.plan import Tally, stages
from distill.recipe_check import check_classes, check_recipe
from distill.run_folder import Run, read_finished
from distill.settings import data_settings, run_settings
from distill.state import Job
from manifests.recipes.recipe import Recipe

PLAN, RUNS, RESULT = "plan.json", "runs", "sweep.csv"
NOT_TRAINED = {"name", "base", "data", "extract", "streams", "fusion"}  # of a recipe: what comes before the training
Values = Mapping[str, Any]  # what one combination changes: `distillation.alpha` → 0.5


@dataclass(frozen=True)
class Outcome:
    """How one method did in one combination: the validation AUC of each seed, as fractions."""

    values: Values
    method: str
    validation_auc: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(np.mean(self.validation_auc))

    @property
    def std(self) -> float:
        """Sample standard deviation over seeds; 0 for one."""
        return float(np.std(self.validation_auc, ddof=1)) if len(self.validation_auc) > 1 else 0.0


def parse_axes(given: Sequence[str]) -> dict[str, list[Any]]:
    """Read `distillation.alpha=0.25,0.5` as a key and its values, written as in TOML.

    Raises:
        UserError: not of this form, a key twice, or a value twice.
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
            raise UserError(f"--set {text}: a value stands twice")
        axes[key] = parsed
    return axes


def combinations(recipe: Recipe, axes: Mapping[str, Sequence[Any]]) -> list[tuple[Values, Recipe]]:
    """Return every combination of the values, each with the recipe it makes.

    Raises:
        UserError: a key that a recipe has not, or a value that it refuses.
    """
    made: list[tuple[Values, Recipe]] = []
    for chosen in product(*axes.values()):
        values = dict(zip(axes, chosen, strict=True))
        table = recipe.model_dump()
        for key, value in values.items():
            *path, last = key.split(".")
            inner: Any = table
            for step in path:
                inner = inner.get(step) if isinstance(inner, dict) else None
            if not isinstance(inner, dict) or last not in inner or key.split(".")[0] in NOT_TRAINED:
                raise UserError(f"--set {key}: the training knows no such key of a recipe{key_hint(Recipe, key)}")
            inner[last] = value
        made.append((values, parse_config(Recipe, table, f"recipe {recipe.name} with {label(values)}")))
    return made


def sweep(
    recipe: Recipe,
    axes: Mapping[str, Sequence[Any]],
    data: FeatureSet,
    out: Path,
    progress: Callable[[int, int], None] | None = None,
) -> list[Outcome]:
    """Train every combination of values, each with all methods and seeds of its recipe, into `out`.

    Args:
        recipe: what is varied; its `methods` are all trained by gradients.
        axes: key → values, see `parse_axes`.
        data: train and validation.
        out: the folder of this sweep; refused if it holds another.
        progress: told the epochs done and all.

    Returns:
        The outcomes, best mean validation AUC first.

    Raises:
        UserError: a key or value that is none, a combination that cannot work (before any is trained), another
            sweep's folder, a training that failed.
    """
    planned = combinations(recipe, axes)
    if untrained := [method for _, made in planned for method in made.methods if method not in METHODS]:
        raise UserError(f"{untrained[0]} is not trained, so there is nothing to sweep; leave it out of methods")
    for values, made in planned:
        try:
            check_recipe(made, data.num_segments)
        except UserError as error:
            raise UserError(f"with {label(values)}: {error}") from error
    check_classes(data.splits["train"].labels.tolist(), data.protocol)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {out}: {error.strerror}; give another") from error
    claim(out / PLAN, {"recipe": recipe.model_dump(), "axes": dict(axes), "data": data_settings(data)}, {})
    total = sum(len(jobs) * made.training.epochs for _, made in planned for jobs in _jobs(made))
    tally = Tally(total, progress or (lambda done, total: None))
    outcomes = []
    for values, made in planned:
        runs: dict[Job, Run] = {}
        found: dict[Job, float] = {}
        for jobs in _jobs(made):
            runs |= {job: _run(out / RUNS, made, data, job, runs) for job in jobs}
            finished = tally.train([runs[job] for job in jobs], made, data)
            found |= {job: one.validation_auc for job, one in zip(jobs, finished, strict=True)}
        outcomes += [
            Outcome(values, method, tuple(found[Job(method, seed)] for seed in made.seeds)) for method in made.methods
        ]
    outcomes.sort(key=lambda outcome: -outcome.mean)
    write_text(out / RESULT, render_csv(outcomes))
    return outcomes


def label(values: Values) -> str:
    """Return a combination's name: `distillation.alpha=0.5, distillation.tau=1`."""
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in values.items())


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


def _jobs(recipe: Recipe) -> tuple[list[Job], list[Job]]:
    """The teachers, and what they teach."""
    teachers, students = ([Job(*pair) for pair in product(stage, recipe.seeds)] for stage in stages(recipe.methods))
    return teachers, students


def _run(folder: Path, recipe: Recipe, data: FeatureSet, job: Job, before: Mapping[Job, Run]) -> Run:
    """The run of a job in a folder named after all that decides it: what two combinations share is trained once."""
    teacher = before[Job(job.about.teacher, job.seed)].folder if job.about.teacher else None
    settings = run_settings(recipe, data, job, read_finished(teacher).weights_sha256 if teacher else None)
    return Run(job, folder / f"{job.method}-seed{job.seed}-{fingerprint(settings)[:12]}", teacher)
