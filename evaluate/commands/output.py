"""What several commands print: the results in a folder, and scores as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it loads numpy, which --help does without
    from evaluate.scoring.scores import Scores
    from manifests.manifest import Manifest


def print_results(manifest: "Manifest", scores: "Mapping[str, Sequence[Scores]]", folder: Path | None) -> None:
    """Print a short table of scores, and the names of the files if they were written into a folder."""
    from evaluate.pipeline.results import published_beside, published_of_methods
    from evaluate.tables.terminal_table import short_results

    print(short_results(scores, published_of_methods(published_beside(manifest, scores), scores)))
    if folder is not None:
        names = ["table", *(["comparison"] if (folder / "comparison.md").exists() else []), "beyond"]
        print(f"in {folder}: {', '.join(names)} (.md, .csv), table.tex, figure (.png, .svg)")


def scores_as_json(scores: "Mapping[str, Iterable[Scores]]") -> list[dict[str, object]]:
    """Return the scores of every method and seed as plain values, in order."""
    return [_as_json(one) for of_method in scores.values() for one in of_method]


def seconds_as_text(seconds: Mapping[str, float]) -> str:
    """Return how long each stage took, in words."""
    return ", ".join(f"{stage} {number:.0f} s" for stage, number in seconds.items())


def _as_json(scores: "Scores") -> dict[str, object]:
    return {
        "method": scores.method,
        "seed": scores.seed,
        "protocol": scores.protocol,
        "accuracy": scores.accuracy.tolist(),
        "top5": scores.top5.tolist(),
        "auc_mean": scores.auc_mean,
        "auc_trapezoid": scores.auc_trapezoid,
        "clips": dict(scores.clips),
        "labels": scores.provenance.get("labels", "all"),
        "labels_kept": scores.provenance.get("labels_kept"),
    }
