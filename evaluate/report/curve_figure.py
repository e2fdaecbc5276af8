"""The figure: accuracy by observation ratio, our methods and published curves of the same protocol (paper, Fig. 3).

The bytes of the PNG and the SVG depend on the numbers alone. Published points are drawn as they were printed; there is
no point at a ratio that is unknown. `curve_styles` says how curves are told apart.
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from common.files import atomic_write
from evaluate.report.curve_styles import CurveStyle, curve_styles, own_label, published_label, with_two_points
from evaluate.scoring.metrics import mean_and_std
from evaluate.scoring.scores import Scores, check_comparable, observation_ratios
from evaluate.tables.notes import notes
from manifests.published import Published

# Okabe and Ito's palette, which colour-blind readers can tell apart, without its yellow, which is too light on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
MARKERS = "osD^v"
DASHES = ("-", ":", (0, (5, 1, 1, 1)), (0, (5, 1, 1, 1, 1, 1)))
PUBLISHED = ("#4D4D4D", "#7F7F7F", "#A6A6A6")
PUBLISHED_MARKERS = "<>pXhP*"
PUBLISHED_DASHES = ((0, (6, 2)), (0, (3, 2)))
BOUND = "#C8C8C8"
STRONG_WIDTHS = (3.2, 2.0)  # points, of the first strong line and of the last: a line below another one is still seen
LIGHT_WIDTH, LIGHT_ALPHA = 1.0, 0.6
NOTES_WIDTH = 96  # characters
LEGEND_WIDTH = 48  # characters of a label up to which two columns fit into the figure
MOST_MARKERS = 20  # of a curve
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
    "svg.hashsalt": "early-recognition",  # without it the ids inside an SVG are random
    "svg.fonttype": "none",  # text stays text: searchable, and small
}


@dataclass(frozen=True)
class Highlight:
    """What a figure is about: a method and its baseline, each by its name or by its name without the features."""

    method: str | None = None
    baseline: str | None = None


def draw_figure(
    scores: Mapping[str, Sequence[Scores]],
    published: Iterable[Published],
    path_stem: Path,
    *,
    best: tuple[str, NDArray[np.floating]] | None = None,
    highlight: Highlight = Highlight(),
) -> tuple[Path, Path]:
    """Draw accuracy (%) against observation ratio (%) to `path_stem`.png and `path_stem`.svg.

    Args:
        scores: method → one `Scores` per seed; a strong line with several seeds has a band of ± one deviation.
        published: rows of another protocol, or with fewer than two known ratios, are not drawn.
        path_stem: the path of the files without their suffix.
        best: a name and (N,) fractions that no method can exceed, drawn as a wide grey line.
        highlight: the methods that are always drawn strongly.

    Returns:
        The two paths, PNG first.

    Raises:
        UserError: the scores are not comparable, or a file cannot be written.
    """
    first = check_comparable(scores)
    rows = with_two_points(row for row in published if row.protocol == first.protocol)
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(layout="constrained")
        axes = figure.subplots()
        ratios = observation_ratios(first)
        curves = {method: (ratios, [run.accuracy for run in runs]) for method, runs in scores.items()}
        lines = draw_own(axes, scores, curves, curve_styles(scores, highlight.method, highlight.baseline))
        if rows:
            lines.append(Line2D([], [], linestyle="none", label="Published:"))
            lines += _draw_published(axes, rows)
        if best is not None:
            lines += axes.plot(ratios, 100 * best[1], color=BOUND, linewidth=3, label=best[0], zorder=1)
        _frame(axes, first.protocol, notes(scores))
        columns = 2 if max(len(str(line.get_label())) for line in lines) <= LEGEND_WIDTH else 1
        figure.legend(handles=lines, loc="outside lower center", ncols=columns)
        figure.set_size_inches(7, 4.5 + 0.19 * -(-len(lines) // columns))  # a line of the legend is 0.19 inches
        return save_figure(figure, path_stem)


def draw_own(
    axes: Axes,
    scores: Mapping[str, Sequence[Scores]],
    curves: Mapping[str, tuple[Sequence[float] | NDArray[np.floating], Sequence[NDArray[np.floating]]]],
    styles: Mapping[str, CurveStyle],
) -> list[Line2D]:
    """Draw our methods, the strong ones above the light ones; return the lines in the order of `styles`.

    Args:
        axes: where to draw.
        scores: method → one `Scores` per seed, for the legend.
        curves: by method, the places on the horizontal axis (K,) and the fractions (K,) of each seed.
        styles: by method.
    """
    lines = []
    strong = [name for name, style in styles.items() if style.strong]
    widths = dict(zip(strong, np.linspace(*STRONG_WIDTHS, len(strong)), strict=True))
    for name, style in styles.items():
        runs = scores[name]
        places, fractions = curves[name]
        mean, std = mean_and_std(100 * np.stack(fractions))
        line = axes.plot(places, mean, label=own_label(name, runs), color=COLOURS[style.colour])[0]
        if len(places) > MOST_MARKERS:
            line.set_markevery(-(-len(places) // MOST_MARKERS))
        width = widths.get(name, LIGHT_WIDTH)
        line.set(linestyle=DASHES[style.dash], marker=MARKERS[style.marker], linewidth=width, markersize=2.5 + width)
        line.set(zorder=4 if style.strong else 3, alpha=1 if style.strong else LIGHT_ALPHA)
        if style.dash == 1:
            line.set_markerfacecolor("white")
        if std is not None and style.strong:
            colour = COLOURS[style.colour]
            axes.fill_between(line.get_xdata(), mean - std, mean + std, color=colour, alpha=0.2, linewidth=0, zorder=3)
        lines.append(line)
    return lines


def _draw_published(axes: Axes, rows: Sequence[Published]) -> list[Line2D]:
    """Draw published curves in grey, dashed and with open markers; return the lines."""
    lines = []
    looks = zip(cycle(PUBLISHED), cycle(PUBLISHED_MARKERS), cycle(PUBLISHED_DASHES), strict=False)
    for row, (colour, marker, dashes) in zip(rows, looks, strict=False):
        line = axes.plot(list(row.accuracy), list(row.accuracy.values()), label=published_label(row), color=colour)[0]
        line.set(linestyle=dashes, marker=marker, linewidth=1.3, markersize=6, markerfacecolor="white", zorder=2)
        lines.append(line)
    return lines


def _frame(axes: Axes, protocol: str, about: Sequence[str]) -> None:
    axes.set_xlim(5, 102)
    axes.set_xticks(range(10, 101, 10))
    low, high = axes.get_ylim()
    low = min(low, high - SMALLEST_SPAN)  # a tenth of a point must not look like a large difference
    axes.set_ylim(max(low, 0), min(high, 101))
    axes.set_xlabel("Observation ratio (%)")
    axes.set_ylabel("Accuracy (%)")
    head(axes, protocol, about)


def head(axes: Axes, protocol: str, about: Sequence[str]) -> None:
    """Write the protocol and the notes above the axes."""
    kept = [note.replace(" ", "\N{NO-BREAK SPACE}") if len(note) < NOTES_WIDTH else note for note in about]
    lines = [line.removesuffix(" ·") for line in textwrap.wrap(" · ".join(kept), NOTES_WIDTH, break_on_hyphens=False)]
    axes.set_title(protocol, loc="left", fontweight="bold", pad=8 + 11 * len(lines))
    axes.text(
        0,
        1.015,
        "\n".join(lines).replace("\N{NO-BREAK SPACE}", " "),
        transform=axes.transAxes,
        fontsize=8.5,
        va="bottom",
        in_layout=False,  # the title's distance leaves space for it; a long line must not narrow the axes
    )


def save_figure(figure: Figure, path_stem: Path) -> tuple[Path, Path]:
    """Write `path_stem`.png and `path_stem`.svg, and return the two paths.

    Raises:
        UserError: a file cannot be written.
    """
    return (
        _save(figure.savefig, path_stem.with_name(path_stem.name + ".png"), {"Software": None}),
        _save(figure.savefig, path_stem.with_name(path_stem.name + ".svg"), {"Date": None, "Creator": None}),
    )


def _save(save: Callable[..., None], path: Path, metadata: dict[str, None]) -> Path:
    with atomic_write(path) as temporary:
        save(temporary, format=path.suffix[1:], dpi=200, metadata=metadata)
    return path
