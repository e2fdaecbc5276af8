"""`manifests check`: whether a manifest follows the schema, and what makes its numbers doubtful."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from common.errors import UserError
from common.files import refuse_no_folder
from common.options import Json
from manifests.audit import missing_files, refuse_unusable, remarks
from manifests.manifest import read_manifest
from manifests.summary import summarise

NO_VALIDATION = "no validation split: training needs one to select its models; set some training groups apart for it"


def check(
    manifest: Annotated[Path, typer.Argument(help="The manifest's CSV.")],
    videos: Annotated[Path | None, typer.Option(help="Also check that every path leads to a file here.")] = None,
    as_json: Json = False,
) -> None:
    """Check a manifest of your own against every rule of the schema, and for what makes its numbers doubtful.

    A file that two clips have, and a class without training clips, are refused. Groups with clips in more than one
    split are named on standard error.

    Example: `python -m manifests check mine.csv --videos /data/mine`
    """
    checked = read_manifest(manifest)
    refuse_unusable(checked.clips, videos)
    summary = summarise(checked)
    doubts = remarks(checked.clips, videos)
    advice = [] if summary.splits["validation"] else [NO_VALIDATION]
    if as_json:
        print(json.dumps({"manifest": str(manifest)} | asdict(summary) | {"remarks": [*doubts, *advice]}))
    else:
        print(summary.sentence())
        for doubt in doubts:
            print(doubt, file=sys.stderr)
        for sentence in advice:
            print(sentence)
    if videos is not None:
        refuse_no_folder(videos, "the video folder")
        missing = missing_files(checked.clips, videos)
        if missing:
            raise UserError(f"{len(missing)} paths lead to nothing in {videos}; the first: {', '.join(missing[:3])}")
