"""The page: what the runs hold, put into the template. One file, no scripts, nothing fetched.

The same runs, manifest and videos give the same bytes. Names of classes and methods come from strangers' files: the
template escapes everything. What stands in it: `sections`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from common.files import refuse_no_folder, write_text
from evaluate.report.charts import mark
from evaluate.report.provenance import origins, versions
from evaluate.report.runs import BASELINE, choose, find_manifest, read_runs, refuse_other_folder
from evaluate.report.sections import looked_into, results
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
        folders: of the runs; the first one's manifest and videos are looked for where none are given.
        out: the page.
        manifest: all runs' manifest.
        videos: folder of the data set's files, for key frames.
        method: that the report is about; see `runs.choose`.
        baseline: that it is compared with.

    Raises:
        UserError: a folder, a file or a method is not there, or the runs cannot stand in one report.
    """
    for folder in folders:
        refuse_other_folder(folder)
    if videos is not None:
        refuse_no_folder(videos, "the folder of videos", "leave --videos out for a report without pictures")
    drawn = folders[0] / "videos"  # the stick figures' own
    videos = videos or (drawn if drawn.is_dir() else None)
    clips = read_manifest(manifest or find_manifest(folders[0]))
    runs = read_runs(folders, clips)
    chosen, beside = choose(runs, method, baseline)
    context = {
        **results(runs, chosen, beside, baseline or BASELINE),
        **looked_into(chosen, beside, clips, videos),
        "origins": origins(runs.methods.values()),
        "versions": versions(folders),
        "manifest_sha256": clips.sha256,
    }
    write_text(out, render(context))


def render(context: Mapping[str, Any]) -> str:
    """Return the template filled in; everything in it is escaped."""
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
    """A difference of fractions in signed points."""
    text = f"{100 * difference:+.1f}".replace("-", "−")
    return "0.0" if text in ("+0.0", "−0.0") else text


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
