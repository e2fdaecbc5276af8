"""How many curves in one figure are told apart: colour, marker and dash of each method, and which ones are strong.

The rules hold for the figure of the results and for the charts of the report:

- Every method has a style of its own, which does not depend on colour alone.
- At most six methods are drawn strongly: first those that the figure is about, their baselines and teachers, then the
  others, each by AUC. The rest is drawn lightly, without a band.
- Methods on the same features (`A, rgb` and `B, rgb`) share colour and marker, if there are few of them.
- Published curves are grey and dashed, with open markers.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evaluate.scoring.scores import Scores, stream_of
from evaluate.scoring.summary import Summary, summarise
from evaluate.tables.formats import printed
from evaluate.tables.published_table import OTHER_AUC
from manifests.published import Published

STRONG = 6  # curves that a reader can follow in one figure
COLOURS, MARKERS, DASHES = 7, 5, 4  # how many there are of each; 7 and 5 give 35 different pairs


@dataclass(frozen=True)
class CurveStyle:
    """How a method's curve looks.

    Attributes:
        colour: index from 0 to 6.
        marker: index from 0 to 4.
        dash: index from 0 to 3; 0 is solid, 1 is dotted with open markers.
        strong: whether the curve is drawn strongly.
    """

    colour: int
    marker: int
    dash: int
    strong: bool


def curve_styles(
    scores: Mapping[str, Sequence[Scores]], method: str | None = None, baseline: str | None = None
) -> dict[str, CurveStyle]:
    """Return the style of each method, in the order of their AUC, the largest first.

    Args:
        scores: method → one `Scores` per seed.
        method: what the figure is about: the name of a method, or its name without the features.
        baseline: what it is compared with, likewise.
    """
    auc = {name: mean_auc(runs).mean for name, runs in scores.items()}
    by_auc = sorted(scores, key=lambda name: -auc[name])
    titles = {name: name.partition(", ")[0] for name in scores}
    # These two come first, so that their style does not depend on the other methods.
    exact = [name for name in (method, baseline) if name is not None and name in scores]
    chosen = [name for wanted in (method, baseline) for name in by_auc if wanted == titles[name]]
    teachers = [name for name in by_auc if any(run.provenance.get("sees_future") for run in scores[name])]
    order = list(dict.fromkeys([*exact, *chosen, *teachers, *by_auc]))
    groups = _groups(order, {method, baseline})
    found, members = {}, Counter[str]()
    index_of = {group: index for index, group in enumerate(dict.fromkeys(groups.values()))}
    for name in order:
        index, member = index_of[groups[name]], members[groups[name]]
        members[groups[name]] += 1
        dash = 1 if name == baseline else (member + index // COLOURS) % DASHES
        found[name] = CurveStyle(index % COLOURS, index % MARKERS, dash, name in order[:STRONG])
    return {name: found[name] for name in by_auc}


def with_two_points(published: Iterable[Published]) -> list[Published]:
    """Return the published rows that are curves, the largest AUC first, and last those of another definition."""
    rows = [row for row in published if len(row.accuracy) > 1]
    return sorted(rows, key=lambda row: (not _is_mean(row), -(row.auc or 0)))


def own_label(method: str, runs: Sequence[Scores]) -> str:
    """Return what the legend says of one of our methods."""
    return f"{method} (AUC {printed(mean_auc(runs))})"


def published_label(row: Published) -> str:
    """Return what the legend says of a published curve."""
    label = f"{row.method}, {row.citation}" + ("" if row.mark == "verified" else f" ({row.mark})")
    return label if row.auc is None else f"{label} (AUC {row.auc:.1f}{'' if _is_mean(row) else f' {OTHER_AUC}'})"


def mean_auc(runs: Sequence[Scores]) -> Summary:
    """Return the AUC of a method in per cent over its seeds."""
    return summarise([run.auc_mean for run in runs])


def _groups(names: Sequence[str], alone: set[str | None]) -> dict[str, str]:
    """Return what shares a colour with each name: its features, or nothing where that would be too many."""
    groups = {name: name if name in alone else stream_of(name) for name in names}
    return groups if max(Counter(groups.values()).values(), default=0) <= DASHES else {name: name for name in names}


def _is_mean(row: Published) -> bool:
    return row.auc is not None and row.auc_kind.startswith("mean")
