"""The files of a set of scores: table, figure, comparison with a baseline, and the measures beyond accuracy."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from common.files import write_text
from evaluate.pipeline.layout import TABLE
from evaluate.report.curve_figure import Highlight, draw_figure
from evaluate.report.seconds_figure import draw_seconds_figure
from evaluate.scoring.comparison import baseline_of, compare
from evaluate.scoring.scores import Scores, observation_ratios
from evaluate.tables.beyond import render_beyond, render_beyond_csv
from evaluate.tables.comparison_table import render_comparison, render_comparison_csv
from evaluate.tables.published_table import make_table, render_csv, render_latex, render_markdown
from evaluate.tables.seconds_table import render_seconds_csv, seconds_of
from manifests.manifest import Manifest
from manifests.published import RATIOS, Published, is_whole, published_rows
from manifests.stick_figures.bound import best_accuracy


def published_beside(manifest: Manifest, scores: Mapping[str, Sequence[Scores]]) -> list[Published]:
    """Return the published rows that are comparable with `scores`: the same protocol, clips, segments and labels.

    If one of them differs, there are none.
    """
    runs = [run for own in scores.values() for run in own]
    shares = {str(run.provenance.get("labels", "all")) for run in runs}
    comparable = all(len(run.accuracy) == len(RATIOS) and run.protocol == manifest.protocol for run in runs)
    if not is_whole(manifest) or len(shares) > 1 or not comparable:
        return []
    return published_rows(manifest.protocol, *shares)


def published_of_methods(published: Sequence[Published], methods: Iterable[str]) -> dict[str, Published]:
    """Return the published row of each method that has one, by the name that the method has in our tables.

    A row that other authors measured again, which has a star, is preferred to the row of the method's own authors.
    """
    if not published:
        return {}
    from distill.methods import METHODS  # loads torch, which most tables do not need

    rows = {row.method: row for row in published}
    name_of = {method.title: method.published or "" for method in METHODS.values()}
    names = {method: name_of.get(method.partition(", ")[0], "") for method in methods}
    found = {method: rows.get(name) or rows.get(name.removesuffix("*")) for method, name in names.items()}
    return {method: row for method, row in found.items() if row is not None}


def write_results(
    out: Path,
    manifest: Manifest,
    scores: Mapping[str, Sequence[Scores]],
    baseline: str | None = None,
    method: str | None = None,
) -> tuple[Path, Path]:
    """Write table.md, .csv, .tex and figure.png, .svg into `out`, with the published rows of the same protocol.

    beyond.md and .csv have the measures beyond accuracy. comparison.md and .csv are written if a method has the
    `baseline`. For the stick figures, the best expected accuracy is known and drawn into the figure. seconds.csv, .png
    and .svg have the accuracy by seconds seen; they are written if segments last a fixed time.

    Args:
        out: folder.
        manifest: what was scored.
        scores: method → one `Scores` per seed.
        baseline: name of the method that the others are compared with.
        method: name of the method that the figure emphasises beside the baseline.

    Returns:
        The Markdown table and the PNG.
    """
    published = published_beside(manifest, scores)
    table = make_table(scores, published)
    for suffix, render in (("md", render_markdown), ("csv", render_csv), ("tex", render_latex)):
        write_text(out / f"table.{suffix}", render(table))
    write_text(out / "beyond.md", render_beyond(scores))
    write_text(out / "beyond.csv", render_beyond_csv(scores))
    first = next(iter(scores.values()))[0]
    if baseline is not None and any(baseline_of(method, scores, baseline) for method in scores):
        comparisons = compare(scores, baseline)
        write_text(out / "comparison.md", render_comparison(comparisons, scores, baseline))
        write_text(out / "comparison.csv", render_comparison_csv(comparisons, observation_ratios(first)))
    else:  # those of an earlier call would be about other scores
        for suffix in ("md", "csv"):
            (out / f"comparison.{suffix}").unlink(missing_ok=True)
    if seconds_of(scores):
        write_text(out / "seconds.csv", render_seconds_csv(scores))
        draw_seconds_figure(scores, out / "seconds", Highlight(method, baseline))
    else:
        for suffix in ("csv", "png", "svg"):
            (out / f"seconds.{suffix}").unlink(missing_ok=True)
    best = None
    if "branch_frame" in manifest.clips:
        num_segments = len(first.accuracy)
        best = ("Best any method can reach (expected)", best_accuracy(manifest.split("test"), num_segments))
    png, _svg = draw_figure(scores, published, out / "figure", best=best, highlight=Highlight(method, baseline))
    return out / TABLE, png
