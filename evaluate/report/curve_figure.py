"""The figure: accuracy by observation ratio, our methods over published curves of the same protocol (paper Fig. 3).

Writes PNG and SVG whose bytes depend on the numbers alone. Published points are drawn as printed, unknown
ratios are not invented. No scoring (`predictions`), no table (`table`).
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from common.files import atomic_write
from evaluate.scoring.metrics import mean_and_std
from evaluate.scoring.scores import Scores, check_comparable, observation_ratios, stream_of
from evaluate.scoring.summary import summarise
from evaluate.tables.notes import notes
from manifests.published import Published

# Okabe and Ito's palette, told apart by colour-blind readers: strong tones for ours, the rest for published rows.
OURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000")
PUBLISHED = ("#E69F00", "#56B4E9", "#8C6BB1", "#7F7F7F", "#A6761D")
BOUND = "#999999"
OWN_MARKERS = "osD^v"
PUBLISHED_MARKERS = "v^<>pHd*X"
WIDEST = 1.8  # points, by which the first line of many is wider than the last
NOTES_WIDTH = 96  # characters
SMALLEST_SPAN = 25.0  # points of accuracy on the vertical axis

STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
    "svg.hashsalt": "early-recognition",  # the ids inside an SVG are random without it
    "svg.fonttype": "none",  # text stays text: searchable, and small
}


def draw_figure(
    scores: Mapping[str, Sequence[Scores]],
    published: Iterable[Published],
    path_stem: Path,
    *,
    best: tuple[str, NDArray[np.floating]] | None = None,
) -> tuple[Path, Path]:
    """Draw accuracy (%) against observation ratio (%) to `path_stem`.png and `path_stem`.svg.

    Args:
        scores: method → one `Scores` a seed; several seeds give a line of means in a band of ± one deviation.
        published: dashed; rows of another protocol, or with fewer than two known ratios, are not drawn.
        path_stem: where to write, without ending.
        best: a name and (N,) fractions that no method can pass, as a grey line.

    Returns:
        The two paths, PNG first.

    Raises:
        UserError: scores that cannot stand in one figure, or a file that cannot be written.
    """
    first = check_comparable(scores)
    rows = [row for row in published if row.protocol == first.protocol and len(row.accuracy) > 1]
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(layout="constrained")
        axes = figure.subplots()
        for (method, runs), look in zip(scores.items(), _looks(list(scores)), strict=True):
            _draw_own(axes, method, runs, look)
        for row, colour, marker in zip(rows, cycle(PUBLISHED), cycle(PUBLISHED_MARKERS), strict=False):
            _draw_published(axes, row, colour, marker)
        if best is not None:
            axes.plot(observation_ratios(first), 100 * best[1], color=BOUND, linewidth=2, label=best[0], zorder=1)
        _frame(axes, first.protocol, notes(scores))
        labels = axes.get_legend_handles_labels()[1]
        columns = 2 if max(map(len, labels)) <= 48 else 1  # what fits into the width
        figure.legend(loc="outside lower center", ncols=columns)
        figure.set_size_inches(7, 4.5 + 0.19 * -(-len(labels) // columns))  # a line of the legend is 0.19 inches
        return (
            _save(figure.savefig, path_stem.with_name(path_stem.name + ".png"), {"Software": None}),
            _save(figure.savefig, path_stem.with_name(path_stem.name + ".svg"), {"Date": None, "Creator": None}),
        )


def _looks(methods: Sequence[str]) -> list[dict[str, Any]]:
    """How each line looks. `A, stream` and `B, stream` share a colour, and all but the last of it are dotted and open.

    Earlier lines are wider, so that one that coincides with a later one is still seen.
    """
    kinds = [stream_of(method) for method in methods]
    tone = dict(zip(dict.fromkeys(kinds), zip(cycle(OURS), cycle(OWN_MARKERS), strict=False), strict=False))
    step = min(1.2, WIDEST / max(len(methods) - 1, 1))
    looks = []
    for index, kind in enumerate(kinds):
        colour, marker = tone[kind]
        width = 2 + step * (len(methods) - 1 - index)
        look = {"color": colour, "marker": marker, "markersize": 3 + width, "linewidth": width}
        looks.append(look | ({"linestyle": ":", "markerfacecolor": "white"} if kind in kinds[index + 1 :] else {}))
    return looks


def _draw_own(axes: Axes, method: str, runs: Sequence[Scores], look: Mapping[str, Any]) -> None:
    ratios = observation_ratios(runs[0])
    mean, std = mean_and_std(100 * np.stack([run.accuracy for run in runs]))
    auc = summarise([run.auc_mean for run in runs])
    spread = "" if auc.std is None else f" ± {auc.std:.1f}"
    label = f"{method} (AUC {auc.mean:.1f}{spread})"
    axes.plot(ratios, mean, label=label, zorder=4, **look)
    if std is not None:
        axes.fill_between(ratios, mean - std, mean + std, color=look["color"], alpha=0.2, linewidth=0, zorder=3)


def _draw_published(axes: Axes, row: Published, colour: str, marker: str) -> None:
    label = f"{row.method}, {row.citation}" + ("" if row.mark == "verified" else f" ({row.mark})")
    ratios, accuracies = list(row.accuracy), list(row.accuracy.values())
    line = axes.plot(ratios, accuracies, "--", color=colour, linewidth=1.3, label=label, zorder=2)[0]
    line.set(marker=marker, markersize=6, markerfacecolor="white")


def _frame(axes: Axes, protocol: str, about: Sequence[str]) -> None:
    axes.set_xlim(5, 102)
    axes.set_xticks(range(10, 101, 10))
    kept = [note.replace(" ", "\N{NO-BREAK SPACE}") if len(note) < NOTES_WIDTH else note for note in about]
    lines = [line.removesuffix(" ·") for line in textwrap.wrap(" · ".join(kept), NOTES_WIDTH, break_on_hyphens=False)]
    low, high = axes.get_ylim()
    low = min(low, high - SMALLEST_SPAN)  # a tenth of a point must not look like a cliff
    axes.set_ylim(max(low, 0), min(high, 101))
    axes.set_xlabel("Observation ratio (%)")
    axes.set_ylabel("Accuracy (%)")
    axes.set_title(protocol, loc="left", fontweight="bold", pad=8 + 11 * len(lines))
    axes.text(
        0,
        1.015,
        "\n".join(lines).replace("\N{NO-BREAK SPACE}", " "),
        transform=axes.transAxes,
        fontsize=8.5,
        va="bottom",
        in_layout=False,  # the title's distance makes room for it; a long line must not narrow the axes
    )


def _save(save: Callable[..., None], path: Path, metadata: dict[str, None]) -> Path:
    with atomic_write(path) as temporary:
        save(temporary, format=path.suffix[1:], dpi=200, metadata=metadata)
    return path
