"""The methods of a report: the predictions in folders of finished runs, scored against one manifest.

`choose` selects the method that the report is about, and its baseline. It uses validation clips, never test clips.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError, first_few
from common.hdf5 import open_hdf5
from distill.methods import METHODS
from evaluate.scoring.comparison import baseline_of
from evaluate.scoring.metrics import accuracy_by_ratio, auc_mean
from evaluate.scoring.predictions import Predictions, protocol_of_manifest, read_predictions
from evaluate.scoring.scores import Scores, check_comparable, score_predictions
from manifests.manifest import Manifest, read_manifest

METHOD, BASELINE = METHODS["with"].title, METHODS["without"].title  # if no name is given
RUNS_SHOWN = 20
ALL_LABELS = "all"  # the share of training labels in a file's provenance
# The manifest of a run: without the clips that failed, as it was built, or drawn with the stick figures' videos.
MANIFESTS = ("manifest-without-failed.csv", "manifest.csv", "videos/manifest.csv")


@dataclass(frozen=True, eq=False)
class Method:
    """One method of the report.

    Attributes:
        name: unique in the report.
        title: the name without the share of labels, which is unique among the methods with this share.
        labels: share of the training labels that it was trained with: "all" or "10%".
        scores: one per seed, in the order of the seeds.
        files: the predictions files, in the order of `scores`.
        validation_auc: mean over seeds on the validation clips; None if a file lacks some of them.
    """

    name: str
    title: str
    labels: str
    scores: tuple[Scores, ...]
    files: tuple[Path, ...]
    validation_auc: float | None

    @property
    def provenance(self) -> Mapping[str, Any]:
        """The provenance of the predictions of its first seed."""
        return self.scores[0].provenance

    @property
    def sees_future(self) -> bool:
        """Whether it sees the whole clip at every ratio, as a teacher does."""
        return bool(self.provenance.get("sees_future"))


@dataclass(frozen=True, eq=False)
class Runs:
    """The methods of all runs under one manifest, in the order of the runs and of their tables."""

    manifest: Manifest
    methods: Mapping[str, Method]

    @property
    def scores(self) -> dict[str, Sequence[Scores]]:
        """Method → one `Scores` per seed."""
        return {name: method.scores for name, method in self.methods.items()}

    @property
    def by_labels(self) -> dict[str, list[Method]]:
        """Share of the training labels → its methods; all labels first, then the larger shares first."""
        shares = sorted({method.labels for method in self.methods.values()}, key=_decreasing)
        return {share: [one for one in self.methods.values() if one.labels == share] for share in shares}


def refuse_other_folder(folder: Path) -> None:
    """Refuse a path that is not the folder of one run.

    Raises:
        UserError: there is no folder, it has no predictions, or it contains several runs, as the folder of a suite
            does.
    """
    if not folder.is_dir():
        raise UserError(f"there is no run in {folder}; give the folder that `python -m evaluate reproduce` made")
    if not (folder / "predictions").is_dir():
        inside = sorted(str(path.parent) for depth in ("*", "*/*") for path in folder.glob(f"{depth}/predictions"))
        if inside:
            raise UserError(
                f"{folder} is not the folder of one run; the runs inside are {first_few(inside, RUNS_SHOWN)}: "
                "give one or several of these"
            )
    _files(folder)


def find_manifest(folder: Path) -> Path:
    """Return the manifest in a run's folder whose protocol is that of the predictions.

    Raises:
        UserError: the folder has no manifest.
    """
    found = [folder / name for name in MANIFESTS if (folder / name).is_file()]
    if not found:
        raise UserError(f"there is no manifest.csv in {folder}; give the manifest of the run with --manifest")
    protocol = _protocol(_files(folder)[0])
    wanted = (protocol, protocol_of_manifest(protocol))
    return next((path for path in found if read_manifest(path).protocol in wanted), found[0])


def read_runs(folders: Sequence[Path], manifest: Manifest) -> Runs:
    """Read and score every predictions file of the runs.

    With several runs, the name of a method ends with its run: `With distillation, utd-mhad-joints`. If the methods were
    trained with different shares of the labels, it ends with the share: `With distillation, 10% of the labels`.

    Raises:
        UserError: a folder has no predictions, two folders have the same name, or predictions are damaged, for another
            manifest or not comparable.
    """
    if len({folder.resolve().name for folder in folders}) != len(folders):
        raise UserError("two of the runs' folders have the same name, which names their methods; rename one")
    found: list[tuple[Scores, Path, float | None, str]] = []
    for folder in folders:
        files, order = [_score(path, manifest) for path in _files(folder)], _table_order(folder)
        files.sort(key=lambda one: (order.get(one[0].method, len(order)), one[0].seed))
        found += [(*one, folder.resolve().name) for one in files]
    shares_differ = len({_labels(scored) for scored, *_ in found}) > 1
    groups: dict[tuple[str, str, str], list[tuple[Scores, Path, float | None]]] = {}
    for scored, path, validation, run in found:
        share = _labels(scored)
        of_run = f", {run}" if len(folders) > 1 else ""
        of_share = ", all labels" if share == ALL_LABELS else f", {share} of the labels"
        name = f"{scored.method}{of_share if shares_differ else ''}{of_run}"
        key = (name, f"{scored.method}{of_run}", share)
        groups.setdefault(key, []).append((replace(scored, method=name), path, validation))
    methods = {}
    for (name, title, share), group in groups.items():
        scores, paths, validations = zip(*group, strict=True)
        known = [value for value in validations if value is not None]
        auc = float(np.mean(known)) if len(known) == len(group) else None
        methods[name] = Method(name, title, share, scores, paths, auc)
    check_comparable({name: method.scores for name, method in methods.items()})
    return Runs(manifest, methods)


def choose(runs: Runs, method: str | None = None, baseline: str | None = None) -> tuple[Method, Method | None]:
    """Return the method that the report is about and its baseline.

    The default method is "With distillation". If several methods have this name, or none, it is the one of them, or of
    all, with the best AUC on validation clips; baselines and methods that see the whole clip do not count. If a file
    has no validation clips, it is the last one. The default baseline is "Without distillation", see
    `comparison.baseline_of`; None: there is none.

    Args:
        runs: all methods.
        method: name of the method instead of the default.
        baseline: name of the baseline instead of the default.

    Raises:
        UserError: there is no method of this name, or the method is the baseline.
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
        raise UserError(f"{method} is both the method and the baseline; choose another one with --method or --baseline")
    return runs.methods[method], runs.methods[baseline] if baseline else None


def read_probabilities(method: Method, manifest: Manifest) -> NDArray[np.float32]:
    """Return a method's probabilities for the test clips in the manifest's order: (seeds, clips, N, C)."""
    test = list(manifest.split("test")["clip_id"])
    return np.stack([_rows(read_predictions(path), test) for path in method.files])


def _score(path: Path, manifest: Manifest) -> tuple[Scores, Path, float | None]:
    """Score one file on the test clips and on the validation clips, without keeping its probabilities."""
    predictions = read_predictions(path)
    return score_predictions(predictions, manifest), path, _validation_auc(predictions, manifest)


def _decreasing(share: str) -> tuple[bool, float]:
    """Sort key of a share of labels: all labels, then 20%, then 10%; a share that is no number is last."""
    try:
        return share != ALL_LABELS, -float(share.removesuffix("%"))
    except ValueError:
        return share != ALL_LABELS, 0.0


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
    """Return a file's protocol; empty for a damaged file, which `read_predictions` refuses with a reason."""
    try:
        with open_hdf5(path) as file:
            return str(file.attrs.get("protocol", ""))
    except OSError:
        return ""


def _table_order(folder: Path) -> dict[str, int]:
    """Return the row of each method in the run's own table, if there is one: with all labels, or with a share."""
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
