"""The report: one HTML page about finished runs, without scripts and without links to other files.

The same runs, manifest and videos give the same bytes. The template escapes everything, because the names of classes
and methods come from files of other people.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from common.errors import UserError
from common.files import refuse_no_folder, write_text
from evaluate.report.charts import mark
from evaluate.report.closer_look import closer_look
from evaluate.report.provenance import origins, shown_column, versions
from evaluate.report.results_sections import results
from evaluate.report.runs import choose, find_manifest, read_runs, refuse_other_folder
from evaluate.tables.formats import printed
from manifests.manifest import read_manifest


def write_report(
    folders: Sequence[Path],
    out: Path,
    *,
    manifest: Path | None = None,
    videos: Path | None = None,
    method: str | None = None,
    baseline: str | None = None,
) -> None:
    """Write the report of finished runs.

    Args:
        folders: of the runs.
        out: the page.
        manifest: the manifest of all runs; None: the one in the first folder.
        videos: folder of the data set's files, for key frames; None: the folder `videos` of the first run, if any.
        method: name of the method that the report is about; None: see `runs.choose`.
        baseline: name of the method that it is compared with.

    Raises:
        UserError: a folder, a file or a method does not exist, no clip's file is in `videos`, or the runs are not
            comparable.
    """
    for folder in folders:
        refuse_other_folder(folder)
    if videos is not None:
        refuse_no_folder(videos, "the folder of videos", "leave --videos out for a report without images of the clips")
    drawn = folders[0] / "videos"  # the stick figures keep theirs in the run's folder
    videos = videos or (drawn if drawn.is_dir() else None)
    clips = read_manifest(manifest or find_manifest(folders[0]))
    runs = read_runs(folders, clips)
    chosen, beside = choose(runs, method, baseline)
    if videos is not None:
        _refuse_other_videos(videos, clips.split("test")[shown_column(chosen.provenance, clips)])
    context = {
        **results(runs, chosen, beside, baseline),
        **closer_look(chosen, beside, clips, videos),
        "origins": origins(runs.methods.values()),
        "versions": versions(folders),
        "manifest_sha256": clips.sha256,
    }
    write_text(out, render(context))


def _refuse_other_videos(videos: Path, paths: Iterable[str]) -> None:
    """Refuse a folder without any file of the test clips."""
    first, *others = paths
    if not any((videos / path).exists() for path in (first, *others)):
        raise UserError(
            f"{videos} has no file of the test clips, such as {first}; give the folder that the manifest's paths are "
            "relative to with --videos"
        )


def render(context: Mapping[str, Any]) -> str:
    """Return the page: the template with the values of `context`, all of them escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["mark"] = mark
    environment.filters |= {"value": printed, "percent": _percent, "points": _points, "p": _p}
    return environment.get_template("template.html.j2").render(context)


def _percent(value: float) -> str:
    return f"{value:.3g}\N{NO-BREAK SPACE}%"


def _points(difference: float) -> str:
    """Return a difference of fractions in points with its sign."""
    text = f"{100 * difference:+.1f}".replace("-", "−")
    return "0.0" if text in ("+0.0", "−0.0") else text


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
