"""The figure of accuracy by seconds seen, where segments last a fixed time, and of the clips that still run.

A clip that has ended counts with its last prediction. The bytes of the PNG and the SVG depend on the numbers alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluate.report.curve_figure import STYLE, Highlight, draw_own, head, save_figure
from evaluate.report.curve_styles import curve_styles
from evaluate.scoring.scores import Scores, check_comparable
from evaluate.scoring.seconds import SecondsScores
from evaluate.tables.notes import notes
from evaluate.tables.seconds_table import seconds_of

RUNNING = "#BDBDBD"
ENDED = "a clip that has ended counts with its last prediction"


def draw_seconds_figure(
    scores: Mapping[str, Sequence[Scores]], path_stem: Path, highlight: Highlight = Highlight()
) -> tuple[Path, Path]:
    """Draw accuracy (%) against seconds to `path_stem`.png and `path_stem`.svg, above the number of running clips.

    Args:
        scores: method → one `Scores` per seed, of which at least one has scores by seconds.
        path_stem: the path of the files without their suffix.
        highlight: the methods that are always drawn strongly.

    Returns:
        The two paths, PNG first.

    Raises:
        UserError: the scores are not comparable, or a file cannot be written.
    """
    first = check_comparable(scores)
    timed = seconds_of(scores)
    shown = {method: scores[method] for method in timed}
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(layout="constrained")
        above, below = figure.subplots(2, sharex=True, height_ratios=(5, 1))
        styles = curve_styles(shown, highlight.method, highlight.baseline)
        curves = {method: (runs[0].seconds, [run.accuracy for run in runs]) for method, runs in timed.items()}
        lines = draw_own(above, shown, curves, styles)
        head(above, first.protocol, [*notes(scores), ENDED])
        above.set_ylim(0, 101)
        above.set_ylabel("Accuracy (%)")
        _draw_running(below, next(iter(timed.values()))[0])
        figure.legend(handles=lines, loc="outside lower center", ncols=1)
        figure.set_size_inches(7, 5.2 + 0.19 * len(lines))
        return save_figure(figure, path_stem)


def _draw_running(axes: Axes, scores: SecondsScores) -> None:
    """Draw how many clips go on until each segment has ended; they are the same for all methods."""
    axes.bar(scores.seconds, scores.clips_running, width=-scores.segment_seconds, align="edge", color=RUNNING)
    axes.set_xlim(0, scores.seconds[-1] * 1.02)
    axes.set_ylim(0, 1.05 * len(scores.correct))
    axes.set_xlabel("Seconds seen")
    axes.set_ylabel("Clips\nrunning")
