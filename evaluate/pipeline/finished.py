"""What a finished run says of itself: the numbers of its table, and the provenance of its predictions.

The table was scored when the run ended. Both may have been edited or copied since, so what is not as `reproduce` writes
it is refused. No label and no probability is read here, and nothing is scored again.
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
from evaluate.pipeline.students import labels_folder
from evaluate.scoring.summary import Summary
from manifests.recipes.recipe import Recipe


class Features(Config):
    """What a predictions file says of one feature cache."""

    model_config = ConfigDict(extra="ignore")

    settings: dict[str, Any]


class Made(Config):
    """The provenance of one predictions file, as far as a comparison asks for it; what a file lacks is the default."""

    model_config = ConfigDict(extra="ignore")

    num_classes: int  # size of the class order; an attribute beside the provenance
    recipe: dict[str, Any] = Field(default_factory=dict)
    caches: dict[str, Features] = Field(default_factory=dict)  # by stream
    clips: dict[str, int] = Field(default_factory=dict)  # by split
    labels: str = "all"  # share of them
    random_weights: bool = False
    features_saw_labels: bool = False


@dataclass(frozen=True)
class Finished:
    """One method of a finished run.

    Attributes:
        protocol: of its manifest.
        seeds: how many the table has of it.
        accuracy: observation ratio in per cent → mean and deviation over the seeds, in per cent.
        auc: the mean over the ratios.
        made: provenance of its predictions by seed.
    """

    protocol: str
    seeds: int
    accuracy: Mapping[float, Summary]
    auc: Summary
    made: Mapping[int, Made]


def read_finished(recipe: Recipe, folder: Path) -> dict[str, Finished]:
    """Return what a run's table has, by the name of the method; nothing where no run has ended.

    Args:
        recipe: says which share of labels the table is of.
        folder: that `reproduce` wrote the run into.

    Raises:
        UserError: the table or a predictions file is damaged, or one says twice what it can say only once.
    """
    table = folder / labels_folder(recipe) / "table.csv"
    if not table.is_file():
        return {}
    made = _provenance(folder / "predictions", recipe.labels.share)
    try:
        with table.open(encoding="utf-8", newline="") as file:
            lines = [(line["method"], _finished(line, made)) for line in csv.DictReader(file) if line["seeds"]]
    except (csv.Error, AttributeError, KeyError, OSError, TypeError, ValueError) as error:  # cells too few or too many
        raise UserError(f"{table} is not a table of ours ({error}); run the same `reproduce` again") from error
    for method, count in Counter(method for method, _ in lines).items():
        if count > 1:
            raise UserError(f"{table} has {count} lines of {method}, not one; run the same `reproduce` again")
    return dict(lines)


def _finished(line: Mapping[str, str], made: Mapping[str, Mapping[int, Made]]) -> Finished:
    ratios = [name for name in line if name.startswith("accuracy_") and not name.endswith("_std") and line[name] != ""]
    return Finished(
        protocol=line["protocol"],
        seeds=int(line["seeds"]),
        accuracy={float(name.removeprefix("accuracy_")): _value(line, name) for name in ratios},
        auc=_value(line, "auc_mean"),
        made=made.get(line["method"], {}),
    )


def _value(line: Mapping[str, str], name: str) -> Summary:
    return Summary(float(line[name]), float(line[f"{name}_std"]) if line[f"{name}_std"] else None)


def _provenance(predictions: Path, labels: str) -> dict[str, dict[int, Made]]:
    """Method → seed → provenance, of those trained with this share of the labels."""
    found: dict[str, dict[int, Made]] = {}
    files: dict[tuple[str, int], Path] = {}
    for path in sorted(predictions.rglob("*.h5")):
        try:
            with open_hdf5(path) as file:
                classes = {"num_classes": len(json.loads(file.attrs["classes"]))}
                about = parse_config(Made, json.loads(file.attrs["provenance"]) | classes, "its provenance")
                method, seed = str(file.attrs["method"]), int(file.attrs["seed"])
        except (UserError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
            refuse_system_error(path, error)
            raise UserError(
                f"{path} is not a predictions file of ours ({error}); remove it, and if `reproduce` wrote it, "
                "run the same `reproduce` again"
            ) from error
        if about.labels == labels:
            if other := files.get((method, seed)):
                raise UserError(
                    f"{other} and {path} are both of {method}, seed {seed}; "
                    "remove the one that `reproduce` did not write"
                )
            files[method, seed] = path
            found.setdefault(method, {})[seed] = about
    return found
