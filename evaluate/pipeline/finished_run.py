"""A finished run as its files describe it: the numbers of its table, and the provenance of its predictions.

Nothing is scored again. The files may have been edited or copied since the run ended, so a file that `reproduce` cannot
have written is refused.
"""

import csv
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field

from common.config import Config, parse_config
from common.errors import UserError
from common.hdf5 import open_hdf5, refuse_system_error
from evaluate.pipeline.layout import PREDICTIONS, labels_folder
from evaluate.scoring.summary import Summary
from manifests.recipes.training import Labels


class CacheProvenance(Config):
    """What a predictions file says about one feature cache."""

    model_config = ConfigDict(extra="ignore")

    settings: dict[str, Any]


class Provenance(Config):
    """The provenance of one predictions file, as far as a comparison needs it.

    A value that the file does not contain is the default.
    """

    model_config = ConfigDict(extra="ignore")

    num_classes: int  # the length of the attribute `classes`, which is beside the provenance
    recipe: dict[str, Any] = Field(default_factory=dict)
    caches: dict[str, CacheProvenance] = Field(default_factory=dict)  # by stream
    clips: dict[str, int] = Field(default_factory=dict)  # by split
    labels: str = "all"  # share of the training labels as it was asked for
    labels_kept: float | None = None  # share of the training clips that kept their label
    random_weights: bool = False
    features_saw_labels: bool = False


@dataclass(frozen=True)
class FinishedRow:
    """One row of the table of a finished run.

    Attributes:
        protocol: of the manifest.
        seeds: how many seeds the row has.
        accuracy: by observation ratio in per cent, mean and standard deviation over the seeds, in per cent.
        auc: the mean over the ratios.
        provenance: of the predictions, by seed.
    """

    protocol: str
    seeds: int
    accuracy: Mapping[float, Summary]
    auc: Summary
    provenance: Mapping[int, Provenance]


def read_finished_run(folder: Path, labels: Labels) -> dict[str, FinishedRow]:
    """Return the rows of a run's table by their names; empty: no run has ended there.

    Args:
        folder: the folder that `reproduce` wrote the run into.
        labels: the share of labels that the methods were trained with.

    Raises:
        UserError: the table or a predictions file is damaged, or two of them are of the same row.
    """
    table = folder / labels_folder(labels) / "table.csv"
    if not table.is_file():
        return {}
    provenance = _read_provenance(folder / PREDICTIONS, labels.share)
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = [(line["method"], _row(line, provenance)) for line in csv.DictReader(file) if line["seeds"]]
    except (csv.Error, AttributeError, KeyError, OSError, TypeError, ValueError) as error:  # cells too few or too many
        raise UserError(
            f"{table} is not a table that `reproduce` wrote ({error}); run the same `reproduce` again"
        ) from error
    for method, count in Counter(method for method, _ in rows).items():
        if count > 1:
            raise UserError(f"{table} has {count} lines of {method}, not one; run the same `reproduce` again")
    return dict(rows)


def _row(line: Mapping[str, str], provenance: Mapping[str, Mapping[int, Provenance]]) -> FinishedRow:
    ratios = [name for name in line if name.startswith("accuracy_") and not name.endswith("_std") and line[name] != ""]
    return FinishedRow(
        protocol=line["protocol"],
        seeds=int(line["seeds"]),
        accuracy={float(name.removeprefix("accuracy_")): _summary(line, name) for name in ratios},
        auc=_summary(line, "auc_mean"),
        provenance=provenance.get(line["method"], {}),
    )


def _summary(line: Mapping[str, str], name: str) -> Summary:
    return Summary(float(line[name]), float(line[f"{name}_std"]) if line[f"{name}_std"] else None)


def _read_provenance(predictions: Path, labels: str) -> dict[str, dict[int, Provenance]]:
    """Return by row and seed the provenance of the predictions that were made with this share of the labels."""
    found: dict[str, dict[int, Provenance]] = {}
    files: dict[tuple[str, int], Path] = {}
    for path in sorted(predictions.rglob("*.h5")):
        method, seed, provenance = _read_one_provenance(path)
        if provenance.labels != labels:
            continue
        if other := files.get((method, seed)):
            raise UserError(
                f"{other} and {path} are both of {method}, seed {seed}; remove the one that `reproduce` did not write"
            )
        files[method, seed] = path
        found.setdefault(method, {})[seed] = provenance
    return found


def _read_one_provenance(path: Path) -> tuple[str, int, Provenance]:
    """Return row, seed and provenance of a predictions file."""
    try:
        with open_hdf5(path) as file:
            num_classes = {"num_classes": len(json.loads(file.attrs["classes"]))}
            provenance = parse_config(Provenance, json.loads(file.attrs["provenance"]) | num_classes, "its provenance")
            return str(file.attrs["method"]), int(file.attrs["seed"]), provenance
    except (UserError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        refuse_system_error(path, error)
        raise UserError(
            f"{path} is not a predictions file that `reproduce` wrote ({error}); remove it, and if `reproduce` wrote "
            "it, run the same `reproduce` again"
        ) from error
