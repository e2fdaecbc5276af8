"""A finished run held against the paper's rows: inside the tolerance, outside, or why the two cannot be compared.

Numbers are compared only where protocol, clips, features, labels and the area's definition are the published ones and
the run is the recipe's, finished with all its seeds. How much is allowed: `tolerance`. Nothing is run or scored here.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evaluate.finished import Finished, read_finished
from evaluate.fusion import method_name
from evaluate.programme import published_of
from evaluate.text_tables import Value
from evaluate.tolerance import TOLERANCES, allowed
from manifests.claim import differences
from manifests.programme import merge_rows, merged_into
from manifests.published import RATIOS, WHOLE, Published
from manifests.recipe import Recipe

Verdict = Literal["inside", "outside", "not comparable", "nothing to compare with"]
BACKBONES = {"TSM": "tsm_", "VA-CNN": "va_cnn"}  # what the backbones are called that make published features
NOT_DECISIVE = {"name", "base", "methods", "seeds"}  # of a recipe: rows of one base share a run


@dataclass(frozen=True)
class Number:
    """Ours and the published value of one column, in per cent; `tolerance` in points."""

    column: str
    ours: Value
    published: float
    tolerance: float

    @property
    def difference(self) -> float:
        """Ours minus what is published."""
        return self.ours.mean - self.published

    @property
    def inside(self) -> bool:
        """Whether the difference is within the tolerance, above or below."""
        return abs(self.difference) <= self.tolerance


@dataclass(frozen=True)
class Checked:
    """One method of a row.

    Attributes:
        row: name of the row's recipe.
        method: name in tables.
        protocol: data set and split.
        labels: share of the training labels.
        published: what it is held against; None: nothing is published.
        numbers: what was compared; empty where it could not be.
        why: sentences that say why it could not be; empty where it was.
        remarks: what one must know of numbers that were compared.
        seeds: of ours.
        comparable: False: nothing is published that any run of it could be held against.
    """

    row: str
    method: str
    protocol: str
    labels: str
    published: Published | None
    numbers: tuple[Number, ...] = ()
    why: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    seeds: int = 0
    comparable: bool = True

    @property
    def verdict(self) -> Verdict:
        """Inside: every number is."""
        if not self.comparable:
            return "nothing to compare with"
        if self.why:
            return "not comparable"
        return "inside" if self.numbers and all(number.inside for number in self.numbers) else "outside"


def check_rows(rows: Sequence[Recipe], folders: Mapping[str, Path]) -> list[Checked]:
    """Hold the runs of some rows against what is published.

    Args:
        rows: recipes; those of one base share a run.
        folders: of the runs, by the name of the base.

    Raises:
        UserError: a file of a run is damaged.
    """
    checked = []
    for run in merge_rows(rows):
        finished = read_finished(run, folders[run.name])
        for row in (row for row in rows if merged_into(row, run)):
            for method in row.methods:
                title = method_name(method, "")
                own = [name for name in finished if name == title or name.startswith(f"{title}, ")]
                published = published_of(row.data.protocol, row.labels.share, method)
                checked += [
                    _check(row, name, published, finished.get(name), folders[run.name]) for name in own or [title]
                ]
    return checked


def passed(checked: Sequence[Checked]) -> bool:
    """Tell whether at least one row was compared, and each that has something to be compared with is inside."""
    verdicts = {row.verdict for row in checked}
    return "inside" in verdicts and verdicts <= {"inside", "nothing to compare with"}


def _check(row: Recipe, method: str, published: Published | None, own: Finished | None, folder: Path) -> Checked:
    about = (row.name, method, row.data.protocol, row.labels.share, published)
    if never := tuple(_why_never(row, published)):
        return Checked(*about, why=never, comparable=False)
    assert published is not None  # or there would be a reason
    if own is None:
        return Checked(*about, why=(f"no run of it has ended in {folder}: run `python -m evaluate reproduce` first",))
    why = tuple(_why_not(row, published, own))
    points = TOLERANCES[row.data.protocol, row.labels.share].points
    pairs = [(f"{ratio}%", own.accuracy.get(float(ratio)), printed) for ratio, printed in published.accuracy.items()]
    pairs += [] if published.auc is None else [("AUC", own.auc, published.auc)]
    numbers = [
        Number(column, ours, printed, allowed(points, ours, own.seeds)) for column, ours, printed in pairs if ours
    ]
    saw_labels = any(made.get("features_saw_labels") for made in own.made.values())
    remark = "the VA-CNN before it was trained with all labels; the paper does not say how its was"
    return Checked(*about, () if why else tuple(numbers), why, (remark,) if saw_labels else (), own.seeds)


def _why_never(row: Recipe, published: Published | None) -> Iterator[str]:
    """Why no run of this row, however it ended, could be held against what is published."""
    if published is None:
        yield f"nothing is published of it under {row.data.protocol} with {row.labels.share} of the training labels"
        return
    if not set(published.features.split(" + ")) <= BACKBONES.keys():
        yield f"what is published was measured on {published.features} features, which nothing here makes"
    if published.mark != "verified":
        yield f"what is published is {published.mark}: {published.source}"
    if published.auc is not None and published.auc_kind != "mean-of-ten":
        yield "its area is by another definition, or by one not stated"
    if (row.data.protocol, row.labels.share) not in TOLERANCES:
        yield f"no tolerance is set for {row.data.protocol} with {row.labels.share} of the training labels"


def _why_not(row: Recipe, published: Published, own: Finished) -> Iterator[str]:
    """Why this run is not the published experiment."""
    missing = [seed for seed in row.seeds if seed not in own.made]
    if missing or own.seeds != len(row.seeds):
        there = min(own.seeds, len(row.seeds) - len(missing))
        yield f"the run is not finished: its table is of {there} of the recipe's {len(row.seeds)} seeds"
    if own.protocol != row.data.protocol:
        kind = "a subset" if own.protocol.endswith("-subset") else "another protocol"
        yield f"the run is of {own.protocol}, {kind}; what is published is of {row.data.protocol}"
    if len(own.accuracy) != len(RATIOS):
        yield f"the run has {len(own.accuracy)} segments; what is published has {len(RATIOS)}"
    made = [own.made[seed] for seed in row.seeds if seed in own.made]
    if any(about.get("random_weights") for about in made):
        yield "the features are of a network with random weights"
    # Seeds that were made alike give the same sentences once.
    yield from dict.fromkeys(sentence for about in made for sentence in _why_other(row, published, own, about))


def _why_other(row: Recipe, published: Published, own: Finished, about: Mapping[str, Any]) -> Iterator[str]:
    """In what the predictions of one seed are of another experiment."""
    clips = about.get("clips", {})
    size = (about["num_classes"], clips.get("train", 0) + clips.get("validation", 0), clips.get("test", 0))
    if own.protocol == row.data.protocol and WHOLE.get(own.protocol) != size:
        yield f"{size[0]} classes, {size[1]} training and {size[2]} test clips are not the whole of {own.protocol}"
    backbones = [str(cache["settings"].get("backbone")) for cache in about.get("caches", {}).values()]
    wanted = [BACKBONES[kind] for kind in published.features.split(" + ")]
    if not all(any(name.startswith(kind) for name in backbones) for kind in wanted) or len(backbones) != len(wanted):
        yield f"the features are of {' + '.join(backbones) or 'nobody knows what'}; published is {published.features}"
    wanted_recipe = json.loads(row.model_dump_json(exclude=NOT_DECISIVE))
    other = {key: value for key, value in about.get("recipe", {}).items() if key not in NOT_DECISIVE}
    if differing := differences(other, wanted_recipe):
        yield f"the run is of other settings than the recipe ({', '.join(differing)})"
