"""What several commands print: the results in a folder, and scores as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it loads numpy, which --help does without
    from evaluate.scoring.scores import Scores
    from evaluate.scoring.statistics import Interval
    from manifests.manifest import Manifest


def print_results(manifest: "Manifest", scores: "Mapping[str, Sequence[Scores]]", folder: Path | None) -> None:
    """Print a short table of scores, and the names of the files if they were written into a folder."""
    from evaluate.pipeline.results import published_beside, published_of_methods
    from evaluate.tables.terminal_table import short_results

    print(short_results(scores, published_of_methods(published_beside(manifest, scores), scores)))
    if folder is not None:
        names = ["table", *(["comparison"] if (folder / "comparison.md").exists() else []), "beyond"]
        seconds = ", seconds (.csv, .png, .svg)" if (folder / "seconds.csv").exists() else ""
        print(f"in {folder}: {', '.join(names)} (.md, .csv), table.tex, figure (.png, .svg){seconds}")


def scores_as_json(scores: "Mapping[str, Iterable[Scores]]") -> list[dict[str, object]]:
    """Return the scores of every method and seed as plain values, in order."""
    return [_as_json(one) for of_method in scores.values() for one in of_method]


def comparisons_as_json(scores: "Mapping[str, Sequence[Scores]]", baseline: str) -> list[dict[str, object]]:
    """Return how every method that has a baseline differs from it as plain values; differences are fractions.

    An interval is `[low, high]`, or None if there are too few groups or seeds for it.
    """
    from evaluate.scoring.comparison import compare

    def ends(interval: "Interval | None") -> list[float] | None:
        return None if interval is None else [interval.low, interval.high]

    return [
        {
            "method": one.method,
            "baseline": one.baseline,
            "seeds": list(one.seeds),
            "auc_difference": one.by_clip.difference,
            "interval_by_clip": ends(one.by_clip),
            "interval_by_group": ends(one.by_group),
            "interval_by_seed": ends(one.by_seed),
            "too_few_seeds": one.has_too_few_seeds,
        }
        for one in compare(scores, baseline)
    ]


def gains_as_text(scores: "Mapping[str, Sequence[Scores]]", baseline: str) -> str:
    """Return a line for each method that has a baseline: its AUC difference in points and the 95 % intervals."""
    from evaluate.scoring.comparison import compare

    def ends(interval: "Interval | None") -> str:
        return "none" if interval is None else f"[{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"

    lines = []
    for one in compare(scores, baseline):
        seeds = "1 seed" if len(one.seeds) == 1 else f"{len(one.seeds)} seeds"
        lines.append(
            f"{one.method}: AUC {100 * one.by_clip.difference:+.1f} {ends(one.by_clip)} against {one.baseline} "
            f"({seeds}; interval over seeds alone: {ends(one.by_seed)})"
        )
        if one.has_too_few_seeds:
            lines.append("With few labels and so few seeds the first interval is too narrow; take ten seeds or more.")
    return "\n".join(lines)


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
