"""What a report is made of: the predictions in folders of finished runs, scored against one manifest.

Which methods the report is about is chosen here too, by validation clips and never by test clips. Labels of test
clips come with `Scores`, from `predictions.score`; nothing is drawn here.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError, some_of
from common.hdf5 import open_hdf5
from distill.methods import METHODS
from evaluate.scoring.comparison import baseline_of
from evaluate.scoring.metrics import accuracy_by_ratio, auc_mean
from evaluate.scoring.predictions import Predictions, read_predictions
from evaluate.scoring.scores import Scores, check_comparable, score_predictions
from manifests.manifest import Manifest, read_manifest

METHOD, BASELINE = METHODS["with"].title, METHODS["without"].title  # looked for where none are named
RUNS_SHOWN = 20
ALL_LABELS = "all"  # the share of training labels in a file's provenance
# Where a run keeps its manifest: without clips that failed, as built, or drawn with the stick figures' videos.
MANIFESTS = ("manifest-without-failed.csv", "manifest.csv", "videos/manifest.csv")


@dataclass(frozen=True, eq=False)
class Method:
    """One method of the report.

    Attributes:
        scores: one a seed, in the order of the seeds.
        files: of its predictions, as `scores`.
        validation_auc: mean over seeds on the validation clips; None where a file has not all of them.
    """

    name: str
    scores: tuple[Scores, ...]
    files: tuple[Path, ...]
    validation_auc: float | None

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What its first seed says of where it comes from."""
        return self.scores[0].provenance

    @property
    def sees_future(self) -> bool:
        """Whether it sees whole clips at every ratio, as a teacher does."""
        return bool(self.provenance.get("sees_future"))


@dataclass(frozen=True, eq=False)
class Runs:
    """Methods of all runs, under one manifest, in the order of the runs and of their tables."""

    manifest: Manifest
    methods: Mapping[str, Method]

    @property
    def scores(self) -> dict[str, Sequence[Scores]]:
        """Method → one `Scores` a seed."""
        return {name: method.scores for name, method in self.methods.items()}


def refuse_other_folder(folder: Path) -> None:
    """Refuse a folder that is not that of one run.

    Raises:
        UserError: it is no folder, or one with several runs inside (with their names), as of a suite.
    """
    if not folder.is_dir():
        raise UserError(f"there is no run in {folder}; give the folder that `python -m evaluate reproduce` made")
    if not (folder / "predictions").is_dir():
        inside = sorted(str(path.parent) for depth in ("*", "*/*") for path in folder.glob(f"{depth}/predictions"))
        if inside:
            raise UserError(
                f"{folder} is not the folder of one run; the runs inside are {some_of(inside, RUNS_SHOWN)}: "
                "give one or several of these"
            )


def find_manifest(folder: Path) -> Path:
    """Return the manifest of a run: of those in its folder the one whose protocol its predictions have.

    Raises:
        UserError: there is none.
    """
    there = [folder / name for name in MANIFESTS if (folder / name).is_file()]
    if not there:
        raise UserError(f"there is no manifest.csv in {folder}; give the manifest of the run with --manifest")
    protocol = _protocol(_files(folder)[0])
    return next((path for path in there if read_manifest(path).protocol == protocol), there[0])


def read_runs(folders: Sequence[Path], manifest: Manifest) -> Runs:
    """Read and score every predictions file of the runs.

    With several runs, methods are called after their run too: `With distillation, utd-mhad-joints`; where some have
    seen all training labels and some have not, after their share: `With distillation, 10% of the labels`. So each has
    a baseline of its own.

    Raises:
        UserError: no predictions in a folder, two folders of one name, predictions that are damaged or for another
            manifest, or that cannot stand in one report.
    """
    if len({folder.resolve().name for folder in folders}) != len(folders):
        raise UserError("two of the runs' folders have the same name; rename one, methods are told apart by it")
    found: list[tuple[Scores, Path, float | None, str]] = []
    for folder in folders:
        files, order = [_score(path, manifest) for path in _files(folder)], _table_order(folder)
        files.sort(key=lambda one: (order.get(one[0].method, len(order)), one[0].seed))
        found += [(*one, folder.resolve().name) for one in files]
    shares_differ = len({_labels(scored) for scored, *_ in found}) > 1
    groups: dict[str, list[tuple[Scores, Path, float | None]]] = {}
    for scored, path, validation, run in found:
        name, share = scored.method, _labels(scored)
        if shares_differ:
            name += ", all labels" if share == ALL_LABELS else f", {share} of the labels"
        name += f", {run}" if len(folders) > 1 else ""
        groups.setdefault(name, []).append((replace(scored, method=name), path, validation))
    methods = {}
    for name, group in groups.items():
        scores, paths, validations = zip(*group, strict=True)
        known = [value for value in validations if value is not None]
        methods[name] = Method(name, scores, paths, float(np.mean(known)) if len(known) == len(group) else None)
    check_comparable({name: method.scores for name, method in methods.items()})
    return Runs(manifest, methods)


def choose(runs: Runs, method: str | None = None, baseline: str | None = None) -> tuple[Method, Method | None]:
    """Return the method that the report is about and the baseline beside it, of those asked for or by default.

    The method: "With distillation"; where there are several of this name, or none, the one of them or of all that is
    best on validation clips, and no baseline, and does not see the future; the last of them where a file has no
    validation clips. The baseline: "Without distillation", see `comparison.baseline_of`; None where there is none.

    Raises:
        UserError: no method of this name, or the method is the baseline.
    """
    for name in (method, baseline):
        if name is not None and name not in runs.methods:
            raise UserError(f"no method {name!r} in these runs; there is {', '.join(map(repr, runs.methods))}")
    if method is None:
        names = [name for name in runs.methods if name != baseline]
        early = [name for name in names if not (name.startswith(BASELINE) or runs.methods[name].sees_future)]
        names = [name for name in early if name.partition(", ")[0] == METHOD] or early or names or list(runs.methods)
        validation = {name: runs.methods[name].validation_auc for name in names}
        known = {name: value for name, value in validation.items() if value is not None}
        method = max(known, key=lambda name: known[name]) if len(known) == len(names) else names[-1]
    if baseline is None:
        baseline = baseline_of(method, runs.scores, BASELINE)
    if method == baseline:
        raise UserError(f"{method} is the method and the baseline; name another one with --method or --baseline")
    return runs.methods[method], runs.methods[baseline] if baseline else None


def read_probabilities(method: Method, manifest: Manifest) -> NDArray[np.float32]:
    """Return what a method says of the test clips in the manifest's order: (seeds, clips, N, C)."""
    test = list(manifest.split("test")["clip_id"])
    return np.stack([_rows(read_predictions(path), test) for path in method.files])


def _score(path: Path, manifest: Manifest) -> tuple[Scores, Path, float | None]:
    """Score one file, and on the validation clips too; what it says of each clip is not kept."""
    predictions = read_predictions(path)
    return score_predictions(predictions, manifest), path, _validation_auc(predictions, manifest)


def _labels(scored: Scores) -> str:
    return str(scored.provenance.get("labels", ALL_LABELS))


def _files(folder: Path) -> list[Path]:
    files = sorted((folder / "predictions").rglob("*.h5"))
    if not files:
        raise UserError(
            f"there are no predictions in {folder}; a finished run has predictions/*.h5, "
            "made by `python -m evaluate reproduce`"
        )
    return files


def _protocol(path: Path) -> str:
    """Look up a file's protocol only; `read_predictions` says what is wrong with one that is damaged."""
    try:
        with open_hdf5(path) as file:
            return str(file.attrs.get("protocol", ""))
    except OSError:
        return ""


def _table_order(folder: Path) -> dict[str, int]:
    """Return where each method stands in the run's own table, if there is one: with all labels, or with a share."""
    tables = [*sorted(folder.glob("labels-*/table.csv")), folder / "table.csv"]
    table = tables[-1] if tables[-1].is_file() else tables[0]
    try:
        with table.open(encoding="utf-8", newline="") as file:
            return {row["method"]: index for index, row in enumerate(csv.DictReader(file)) if "method" in row}
    except (OSError, ValueError, csv.Error):
        return {}


def _rows(predictions: Predictions, clips: Sequence[str]) -> NDArray[np.float32]:
    row_of = {clip: row for row, clip in enumerate(predictions.clip_ids)}
    return predictions.probabilities[[row_of[clip] for clip in clips]]


def _validation_auc(predictions: Predictions, manifest: Manifest) -> float | None:
    clips = manifest.clips[manifest.clips["split"] == "validation"]
    if clips.empty or not set(clips["clip_id"]) <= set(predictions.clip_ids):
        return None
    labels = clips["label"].to_numpy(dtype=np.int64)
    return auc_mean(accuracy_by_ratio(_rows(predictions, list(clips["clip_id"])), labels))
