"""What a finished run says of itself: the numbers of its table, and the provenance of its predictions.

The table was scored when the run ended. No label and no probability is read here, and nothing is scored again.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from evaluate.students import labels_folder
from evaluate.text_tables import Value
from manifests.errors import UserError
from manifests.recipe import Recipe


@dataclass(frozen=True)
class Finished:
    """One method of a finished run.

    Attributes:
        protocol: of its manifest.
        seeds: how many the table has of it.
        accuracy: observation ratio in per cent → mean and deviation over the seeds, in per cent.
        auc: the mean over the ratios.
        made: provenance of its predictions by seed, the class order's size among it as `num_classes`.
    """

    protocol: str
    seeds: int
    accuracy: Mapping[float, Value]
    auc: Value
    made: Mapping[int, Mapping[str, Any]]


def read_finished(recipe: Recipe, folder: Path) -> dict[str, Finished]:
    """Return what a run's table has, by the name of the method; nothing where no run has ended.

    Args:
        recipe: says which share of labels the table is of.
        folder: that `reproduce` wrote the run into.

    Raises:
        UserError: the table or a predictions file is damaged.
    """
    table = folder / labels_folder(recipe) / "table.csv"
    if not table.is_file():
        return {}
    made = _provenance(folder / "predictions", recipe.labels.share)
    try:
        with table.open(encoding="utf-8", newline="") as file:
            return {line["method"]: _finished(line, made) for line in csv.DictReader(file) if line["seeds"]}
    except (KeyError, ValueError) as error:
        raise UserError(f"{table} is not a table of ours ({error}); run the same `reproduce` again") from error


def _finished(line: Mapping[str, str], made: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> Finished:
    ratios = [name for name in line if name.startswith("accuracy_") and not name.endswith("_std") and line[name] != ""]
    return Finished(
        protocol=line["protocol"],
        seeds=int(line["seeds"]),
        accuracy={float(name.removeprefix("accuracy_")): _value(line, name) for name in ratios},
        auc=_value(line, "auc_mean"),
        made=made.get(line["method"], {}),
    )


def _value(line: Mapping[str, str], name: str) -> Value:
    return Value(float(line[name]), float(line[f"{name}_std"]) if line[f"{name}_std"] else None)


def _provenance(predictions: Path, labels: str) -> dict[str, dict[int, Mapping[str, Any]]]:
    """Method → seed → provenance, of those trained with this share of the labels."""
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for path in sorted(predictions.rglob("*.h5")):
        try:
            with h5py.File(path, "r") as file:
                about: dict[str, Any] = json.loads(file.attrs["provenance"])
                about["num_classes"] = len(json.loads(file.attrs["classes"]))
                method, seed = str(file.attrs["method"]), int(file.attrs["seed"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path} is not a predictions file: {error}; run the same `reproduce` again") from error
        if about.get("labels", "all") == labels:
            found.setdefault(method, {})[seed] = about
    return found
