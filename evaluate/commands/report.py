"""`python -m evaluate report`: one HTML page about finished runs."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs, made by `reproduce`.")],
    manifest: Annotated[Path | None, typer.Option(help="The manifest of the runs; default: the first run's.")] = None,
    videos: Annotated[Path | None, typer.Option(help="Folder of the data set's files, for key frames.")] = None,
    out: Annotated[Path | None, typer.Option(help="The page; default: report.html in the first run.")] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Method that the others are compared with; default: Without distillation.")
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="Method that is shown in detail; default: With distillation.")
    ] = None,
) -> None:
    """Write one HTML page about finished runs, with tables, curves and single clips. It needs no other file.

    Example: `python -m evaluate report out/utd-mhad-skeleton --videos /data/utd_mhad`
    """
    from evaluate.report.page import write_report

    page = out or runs[0] / "report.html"
    write_report(runs, page, manifest=manifest, videos=videos, method=method, baseline=baseline)
    print(f"report: {page} ({page.stat().st_size / 1e6:.1f} MB)")
