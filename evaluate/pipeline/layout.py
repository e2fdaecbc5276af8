"""Where the models, predictions and tables of a recipe are in its folder.

What is trained with all labels is in the folder itself; what is trained with a share of them, in a subfolder such as
`labels-0.1`. So the results with few labels are never written over the results with all.
"""

from pathlib import Path, PurePath

from manifests.recipes.training import Labels

PREDICTIONS, RUNS = "predictions", "runs"
TABLE = "table.md"  # a folder that has it has finished results


def labels_folder(labels: Labels) -> str:
    """Return the subfolder of what is trained with a share of the labels; empty: all labels."""
    return "" if labels.fraction == 1 else f"labels-{labels.fraction:g}"


def runs_folder(out: Path, source: PurePath, labels: Labels) -> Path:
    """Return the folder of the run folders of a source (`sources.Source.folder`)."""
    return out / RUNS / source / labels_folder(labels)


def predictions_folder(out: Path, source: PurePath, labels: Labels) -> Path:
    """Return the folder of the predictions of a source."""
    return out / PREDICTIONS / source / labels_folder(labels)
