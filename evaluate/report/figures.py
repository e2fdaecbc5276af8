"""The data of the report's charts: accuracy by ratio, gain by class, calibration, confusion, timelines.

Every function takes numbers and returns a chart or the rows of a table, in per cent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluate.report.charts import WIDTH, Chart, Line, points, top_for
from evaluate.report.confusion import Mistake, confusion, most_confused, occurring
from evaluate.report.curve_styles import MARKERS, CurveStyle, curve_styles, own_label, published_label, with_two_points
from evaluate.report.timelines import competitors
from evaluate.scoring.calibration import reliability
from evaluate.scoring.early_gain import early_gain
from evaluate.scoring.metrics import mean_and_std
from evaluate.scoring.scores import Scores, observation_ratios
from manifests.published import Published

RATIO, ACCURACY = "Observation ratio (%)", "Accuracy (%)"
MISTAKES = 8  # listed beside a confusion matrix
NAMED_CLASSES = 20  # a confusion matrix with more has no names at its rows and columns
LABEL = 14  # characters of such a name
METHOD, BASELINE = "c0 d0", "c1 d1"  # looks of the two that the report is about, in every chart
COMPETITORS = (("c2 d0", 2), ("c3 d2", 3))  # looks and markers of other classes in a timeline
PUBLISHED_DASHES = 2
TRUE = "true class"
FEWEST_CLIPS = 5  # of all seeds, in a point of a reliability diagram


@dataclass(frozen=True)
class ClassGain:
    """A class: test clips, and accuracy of the baseline and of the method over the early half, in per cent."""

    name: str
    clips: int
    baseline: float
    method: float
    gain: float


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix at one observation ratio. It is a square of `WIDTH` units, with the classes' names if few.

    Attributes:
        ratio: per cent.
        classes: names of the classes shown.
        cells: (row, column, share in per cent) of those that are not 0.
        mistakes: the largest, with the classes' names and the share in per cent.
    """

    ratio: float
    classes: tuple[str, ...]
    cells: tuple[tuple[int, int, float], ...]
    mistakes: tuple[tuple[str, str, float], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the rows and columns, cut to `LABEL` characters; empty: they are too many to be read."""
        if len(self.classes) > NAMED_CLASSES:
            return ()
        return tuple(name if len(name) <= LABEL else f"{name[: LABEL - 1]}…" for name in self.classes)

    @property
    def margin(self) -> float:
        """The space for the names, on the left and below, in units."""
        return 12 + 9.5 * max(map(len, self.labels)) if self.labels else 0

    @property
    def cell(self) -> float:
        """The side of a cell, in units."""
        return (WIDTH - self.margin) / len(self.classes)


def accuracy_chart(
    scores: Mapping[str, Sequence[Scores]],
    method: str,
    baseline: str | None,
    published: Iterable[Published],
    best: tuple[str, NDArray[np.floating]] | None = None,
) -> Chart:
    """Return accuracy by observation ratio: the best possible, published curves, ours with bands of ± one deviation.

    `curve_styles` says how the lines look. The legend has ours first, then published curves, each by AUC.
    """
    ours = []
    for name, style in curve_styles(scores, method, baseline).items():
        runs = scores[name]
        curve = _curve(
            own_label(name, runs), observation_ratios(runs[0]), [run.accuracy for run in runs], _look_of(style)
        )
        ours.append(replace(curve, marker=style.marker, band=curve.band if style.strong else ()))
    theirs = [
        Line(
            f"published: {published_label(row)}",
            points(list(row.accuracy), list(row.accuracy.values())),
            f"published d{4 + index % PUBLISHED_DASHES}",
            marker=index % MARKERS,
        )
        for index, row in enumerate(with_two_points(published))
    ]
    bound = []
    if best is not None:
        ratios = observation_ratios(next(iter(scores.values()))[0])
        bound.append(Line(best[0], points(ratios, 100 * best[1]), "bound plain"))
    light_first = sorted(ours, key=lambda line: "light" not in line.look.split())
    lines = (*bound, *theirs, *light_first)
    return Chart("Accuracy by observation ratio", RATIO, ACCURACY, lines, legend=(*ours, *theirs, *bound))


def class_gains(method: Sequence[Scores], baseline: Sequence[Scores], classes: Sequence[str]) -> list[ClassGain]:
    """Return what a method gains over a baseline in each class with test clips, the largest gain first.

    Means over the seeds of each, and over the ratios that `early_gain` looks at.
    """
    own, base = (np.mean([run.class_accuracy for run in runs], axis=0) for runs in (method, baseline))  # (C, N)
    gain = early_gain(own, base)
    of_method, of_baseline = (early_gain(accuracy, np.zeros_like(accuracy)) for accuracy in (own, base))
    clips = np.bincount(method[0].labels, minlength=len(classes))
    order = [int(index) for index in np.argsort(-np.nan_to_num(gain), kind="stable") if clips[index]]
    return [
        ClassGain(
            classes[index],
            int(clips[index]),
            100 * float(of_baseline[index]),
            100 * float(of_method[index]),
            100 * float(gain[index]),
        )
        for index in order
    ]


def reliability_charts(
    probabilities: Mapping[str, NDArray[np.floating]], labels: NDArray[np.integer], levels: Sequence[int]
) -> list[Chart]:
    """Accuracy against confidence at some progress levels; the clips of all seeds together.

    Args:
        probabilities: method → (seeds, clips, N, C).
        labels: (clips,).
        levels: from 1 to N.
    """
    num_segments = next(iter(probabilities.values())).shape[2]
    found = {}
    for method, own in probabilities.items():
        found[method] = reliability(own.reshape(-1, *own.shape[2:]), np.tile(labels, len(own)))
    charts = []
    for level in levels:
        lines = [Line("confidence equals accuracy", ((0, 0), (100, 100)), "ideal plain")]
        for index, (method, bins) in enumerate(found.items()):
            enough = bins.count[level - 1] >= FEWEST_CLIPS
            x, y = (np.where(enough, 100 * value[level - 1], np.nan) for value in (bins.confidence, bins.accuracy))
            baseline = _is_baseline(index, len(found))
            look = BASELINE if baseline else METHOD
            lines.append(Line(method, points(x, y), look, marker=int(baseline)))
        title = f"After {100 * level / num_segments:.3g} % of the clip"
        charts.append(Chart(title, "Confidence (%)", ACCURACY, tuple(lines)))
    return charts


def calibration_chart(scores: Mapping[str, Sequence[Scores]]) -> Chart:
    """Return the expected calibration error by observation ratio, in a band of ± one deviation over seeds."""
    lines = []
    for index, (method, runs) in enumerate(scores.items()):
        baseline = _is_baseline(index, len(scores))
        look, errors = BASELINE if baseline else METHOD, [run.calibration_error for run in runs]
        lines.append(replace(_curve(method, observation_ratios(runs[0]), errors, look), marker=int(baseline)))
    top = top_for([high for line in lines for high in [*(y for _, y in line.points), *(y for *_, y in line.band)]])
    return Chart("Expected calibration error", RATIO, "Error (%), 0 is best", tuple(lines), top)


def confusions(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], classes: Sequence[str], levels: Sequence[int]
) -> list[Confusion]:
    """Return the confusion matrices of a method at some progress levels, over all seeds: (seeds, clips, N, C)."""
    predicted = probabilities.argmax(axis=3)  # (seeds, clips, N)
    matrices = np.stack([confusion(predicted[:, :, level - 1], labels, len(classes)) for level in levels])
    kept = occurring(matrices)

    def named(mistake: Mistake) -> tuple[str, str, float]:
        return classes[mistake.true], classes[mistake.predicted], 100 * mistake.share

    found = []
    for level, matrix in zip(levels, matrices, strict=True):
        shown = matrix[np.ix_(kept, kept)]
        cells = tuple((int(row), int(column), 100 * float(shown[row, column])) for row, column in np.argwhere(shown))
        mistakes = tuple(named(mistake) for mistake in most_confused(matrix, MISTAKES))
        names = tuple(classes[index] for index in kept)
        found.append(Confusion(100 * level / probabilities.shape[2], names, cells, mistakes))
    return found


def timeline_chart(
    clip: str,
    method: tuple[str, NDArray[np.floating]],
    baseline: tuple[str, NDArray[np.floating]] | None,
    label: int,
    classes: Sequence[str],
) -> Chart:
    """Return the probabilities of one clip's true class and of the strongest others, by observation ratio.

    Args:
        clip: its id.
        method: name, and (seeds, N, C).
        baseline: the same of the baseline, of which the true class alone is drawn.
        label: the true class.
        classes: names.
    """
    own = np.asarray(method[1], dtype=np.float64)
    ratios = [100 * level / own.shape[1] for level in range(1, own.shape[1] + 1)]
    others = competitors(own.mean(axis=0), label)
    lines = [
        replace(_curve(classes[other], ratios, [own[:, :, other].mean(axis=0)], f"{look} thin"), marker=marker)
        for other, (look, marker) in zip(others, COMPETITORS, strict=False)
    ]
    if baseline is not None:
        mean = baseline[1].mean(axis=0, dtype=np.float64)[:, label]
        lines.append(replace(_curve(f"{TRUE}: {baseline[0]}", ratios, [mean], BASELINE), marker=1))
    lines.append(_curve(f"{TRUE}: {method[0]}", ratios, list(own[:, :, label]), METHOD))
    return Chart(f"Probabilities of clip {clip}, {classes[label]}", RATIO, "Probability (%)", tuple(lines))


def _curve(name: str, ratios: Sequence[float], runs: Sequence[NDArray[np.floating]], look: str) -> Line:
    """Return a line of the mean of fractions (N,), one a seed, with a band of ± one deviation if there are several."""
    mean, std = mean_and_std(100 * np.stack(runs))
    band: tuple[tuple[float, float, float], ...] = ()
    if std is not None:
        band = tuple(
            (float(ratio), float(low), float(high))
            for ratio, low, high in zip(ratios, np.clip(mean - std, 0, 100), np.clip(mean + std, 0, 100), strict=True)
        )
    return Line(name, points(ratios, mean), look, band)


def _look_of(style: CurveStyle) -> str:
    return f"c{style.colour} d{style.dash}{'' if style.strong else ' light'}"


def _is_baseline(index: int, count: int) -> bool:
    """Tell whether one of one or two methods is the baseline: the last one is the method of the report."""
    return index < count - 1
