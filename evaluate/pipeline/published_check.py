"""A finished run held against the paper's rows: inside the tolerance, outside, or why the two cannot be compared.

Numbers are compared only where protocol, clips, labels and the area's definition are the published ones, the features
are those that the bundled recipe asks for, and the run is its own recipe's, finished with all seeds. Students trained
otherwise than in the bundled recipe are compared and said to be. How much is allowed: `tolerance`. Nothing is run here.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from common.run_record import differences
from distill.training_plan import complete_recipe
from evaluate.pipeline.finished import Features, Finished, Made, read_finished
from evaluate.pipeline.fusion import method_name
from evaluate.pipeline.stream_cache import COMPARED_VA_CNN
from evaluate.pipeline.suite import published_of
from evaluate.scoring.summary import Summary
from evaluate.scoring.tolerance import TOLERANCES, allowed
from extract.backbones import find_backbone
from extract.backbones.frame_network import FrameNetwork
from manifests.published import RATIOS, WHOLE, Published
from manifests.recipes.recipe import RECIPES, TRAIN, Extract, Recipe, VaCnn, read_recipe
from manifests.recipes.suite import merge_rows, merged_into
from manifests.released_weights import read_weights

Verdict = Literal["inside", "outside", "not comparable", "nothing to compare with"]
MADE_HERE = {"TSM", "VA-CNN"}  # published features that a bundled recipe makes
# (protocol, share of training labels) → the bundled recipe of what is published, whichever of its methods.
BUNDLED = {
    ("ucf101-early-15-3-7", "all"): "ucf101.toml",
    ("ucf101-early-15-3-7", "10%"): "rows/table3-ucf101-with.toml",
    ("sysu-xsub-fixed", "all"): "sysu.toml",
    ("sysu-xsub-fixed", "10%"): "rows/table3-sysu-with.toml",
    ("ntu60-xsub", "all"): "ntu60.toml",
}
NOT_DECISIVE = {"name", "base", "methods", "seeds"}  # of a recipe: rows of one base share a run


@dataclass(frozen=True)
class Number:
    """Ours and the published value of one column, in per cent; `tolerance` in points."""

    column: str
    ours: Summary
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
    rows = [complete_recipe(row) for row in rows]
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
    bundled = read_recipe(RECIPES / BUNDLED[row.data.protocol, row.labels.share])
    if why := tuple(_why_not(row, bundled, own)):
        return Checked(*about, why=why, seeds=own.seeds)
    points = TOLERANCES[row.data.protocol, row.labels.share].points
    pairs = [(f"{ratio}%", own.accuracy.get(float(ratio)), printed) for ratio, printed in published.accuracy.items()]
    pairs += [] if published.auc is None else [("AUC", own.auc, published.auc)]
    numbers = [
        Number(column, ours, printed, allowed(points, ours, own.seeds)) for column, ours, printed in pairs if ours
    ]
    return Checked(*about, tuple(numbers), remarks=tuple(_remarks(row, bundled, own)), seeds=own.seeds)


def _why_never(row: Recipe, published: Published | None) -> Iterator[str]:
    """Why no run of this row, however it ended, could be held against what is published."""
    if published is None:
        yield f"nothing is published of it under {row.data.protocol} with {row.labels.share} of the training labels"
        return
    if not set(published.features.split(" + ")) <= MADE_HERE:
        yield f"what is published was measured on {published.features} features, which nothing here makes"
    if published.mark != "verified":
        yield f"what is published is {published.mark}: {published.source}"
    if published.auc is not None and published.auc_kind != "mean-of-ten":
        yield "its area is by another definition, or by one not stated"
    if (row.data.protocol, row.labels.share) not in TOLERANCES:
        yield f"no tolerance is set for {row.data.protocol} with {row.labels.share} of the training labels"


def _why_not(row: Recipe, bundled: Recipe, own: Finished) -> Iterator[str]:
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
    if any(about.random_weights for about in made):
        yield "the features are of a network with random weights"
    # Seeds that were made alike give the same sentences once.
    yield from dict.fromkeys(sentence for about in made for sentence in _why_other(row, bundled, own, about))


def _why_other(row: Recipe, bundled: Recipe, own: Finished, about: Made) -> Iterator[str]:
    """In what the predictions of one seed are of another experiment."""
    clips = about.clips
    size = (about.num_classes, clips.get("train", 0) + clips.get("validation", 0), clips.get("test", 0))
    if own.protocol == row.data.protocol and WHOLE.get(own.protocol) != size:
        yield f"{size[0]} classes, {size[1]} training and {size[2]} test clips are not the whole of {own.protocol}"
    yield from _why_other_features(bundled, about)
    wanted_recipe = json.loads(row.model_dump_json(exclude=NOT_DECISIVE))
    other = {key: value for key, value in about.recipe.items() if key not in NOT_DECISIVE}
    if differing := differences(other, wanted_recipe):
        yield f"the run is of other settings than the recipe ({', '.join(differing)})"


def _why_other_features(bundled: Recipe, about: Made) -> Iterator[str]:
    """In what the features that one seed has seen are others than the bundled recipe's, whatever the streams' names."""
    there = sorted(str(cache.settings.get("backbone")) for cache in about.caches.values())
    tables = {table.backbone: table for table in bundled.stream_configs.values()}
    if there != sorted(tables):
        yield (
            f"the features are of {' + '.join(there) or 'nobody knows what'}; "
            f"recipe {bundled.name} has {' + '.join(sorted(tables))}"
        )
        return
    for cache in about.caches.values():
        backbone = str(cache.settings["backbone"])
        wanted = _settings_of(tables[backbone])
        said = {key: cache.settings[key] for key in wanted if key in cache.settings}
        differing = differences(said, {key: wanted[key] for key in said})
        differing += [f"{key}: not said there" for key in wanted if key not in said]
        if tables[backbone].weights != TRAIN and (file := _weights(cache)) not in _released(backbone):
            differing.insert(0, f"weights: {file} there, a released file wanted")
        if differing:
            yield f"the features of {backbone} are others than recipe {bundled.name}'s ({', '.join(differing)})"


def _settings_of(table: Extract) -> dict[str, Any]:
    """What the settings of a cache say whose features are those of a bundled recipe's table; of weights see there."""
    if table.weights == TRAIN:  # a file of its own in each run: what it was trained for counts
        own = table.va_cnn or VaCnn()
        network = own.model_dump(include=COMPARED_VA_CNN) | {"timm_model": own.network}
        return table.model_dump(include={"segments", "pictures"}) | network
    backbone = find_backbone(table.backbone)
    assert isinstance(backbone, FrameNetwork)  # the bundled recipes train every other backbone first
    seen = backbone.preprocess.as_settings()
    return table.model_dump(include={"segments", "frames_per_segment"}) | {"preprocess": seen}


def _weights(cache: Features) -> str:
    return str(cache.settings.get("weights"))


def _released(backbone: str) -> set[str]:
    """The files that the paper may have used: which of them, it does not say."""
    return {entry.file for entry in read_weights().values() if entry.backbone == backbone}


def _remarks(row: Recipe, bundled: Recipe, own: Finished) -> Iterator[str]:
    """What one must know of a comparison, and what is no reason against it."""
    if any(about.features_saw_labels for about in own.made.values()):
        yield "the VA-CNN before it was trained with all labels; the paper does not say how its was"
    files = {_weights(cache) for about in own.made.values() for cache in about.caches.values()}
    for table in (table for table in bundled.stream_configs.values() if table.weights != TRAIN):
        usual = read_weights()[table.weights].file
        if other := sorted(files & _released(table.backbone) - {usual}):
            yield f"features of {', '.join(other)}, and recipe {bundled.name} takes {usual}"
    ours, wanted = _training_of(row), _training_of(bundled)
    both = [key for key in wanted if key in ours]  # a row whose features are given trains no VA-CNN
    if differing := differences({key: ours[key] for key in both}, {key: wanted[key] for key in both}):
        yield f"trained otherwise than in recipe {bundled.name}: {', '.join(differing)}"


def _training_of(recipe: Recipe) -> dict[str, Any]:
    """How a recipe trains its models, and the VA-CNN before them if it has one to train."""
    tables = [table for table in recipe.stream_configs.values() if table.weights == TRAIN]
    network = {"va_cnn": (tables[0].va_cnn or VaCnn()).model_dump()} if tables else {}
    return complete_recipe(recipe).model_dump(exclude=NOT_DECISIVE | {"data", "extract", "streams"}) | network
