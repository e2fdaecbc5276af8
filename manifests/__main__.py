"""Command line of the manifests: build one, draw the data set that draws itself, check one."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from manifests import ucf101
from manifests.command_line import new_app, run_cli
from manifests.errors import UserError
from manifests.files import inside
from manifests.schema import SPLITS, Manifest, read_manifest, write_manifest
from manifests.stick_figures.data_set import draw_data_set

app = new_app(__doc__)


@app.command("ucf101")
def build_ucf101(
    videos: Annotated[Path, typer.Argument(help="Folder of the UCF101 videos, searched at any depth.")],
    out: Annotated[Path, typer.Option(help="Manifest to write; its class order is written beside it.")],
    protocol: Annotated[str, typer.Option(help=f"One of {', '.join(ucf101.PROTOCOLS)}.")] = "ucf101-early-15-3-7",
    classes: Annotated[str | None, typer.Option(help="Comma-separated subset of the classes; default: all.")] = None,
    compact: Annotated[bool, typer.Option(help="Renumber a subset 0, 1, … instead of keeping the indices.")] = False,
    hold_out: Annotated[str | None, typer.Option(help="Training groups to validate on, as in 23,24,25.")] = None,
) -> None:
    """Write the manifest of the UCF101 clips that are really there, and say what is missing.

    Example: `python -m manifests ucf101 /data/UCF-101 --out ucf101.csv`
    """
    try:
        groups = [int(group) for group in hold_out.split(",")] if hold_out else []
    except ValueError as error:
        raise UserError(f"--hold-out {hold_out!r}: write group numbers as in 23,24,25") from error
    wanted = [name.strip() for name in classes.split(",")] if classes else None
    manifest, missing = ucf101.build(videos, protocol, classes=wanted, compact=compact, hold_out=groups)
    write_manifest(manifest, out)
    print(summary(manifest))
    if missing:
        print(f"{len(missing)} clips of the official list are not in {videos}; the first: {', '.join(missing[:3])}")


@app.command("stick-figures")
def draw_stick_figures(
    folder: Annotated[Path, typer.Argument(help="Folder to draw the videos and the manifest into.")],
    seed: Annotated[int, typer.Option(help="Other seeds are other data sets.")] = 0,
) -> None:
    """Draw the stick-figure data set: XviD videos and their manifest.

    Example: `python -m manifests stick-figures out/stick-figures`
    """
    path = draw_data_set(folder, seed=seed)
    print(summary(read_manifest(path)))
    print(f"manifest: {path}")


@app.command("check")
def check_manifest(
    manifest: Annotated[Path, typer.Argument(help="The manifest's CSV.")],
    videos: Annotated[Path | None, typer.Option(help="Also check that every video is in this folder.")] = None,
) -> None:
    """Check a manifest of your own against every rule of the schema.

    Example: `python -m manifests check mine.csv --videos /data/mine`
    """
    checked = read_manifest(manifest)
    print(summary(checked))
    if "validation" not in set(checked.clips["split"]):
        print("no validation split: training needs one to select its models; set some training groups apart for it")
    if videos is not None:
        missing = [path for path in checked.clips["path"] if not inside(videos, path).is_file()]
        if missing:
            raise UserError(f"{len(missing)} videos are not in {videos}; the first: {', '.join(missing[:3])}")


def summary(manifest: Manifest) -> str:
    """Say in a line what is in a manifest: protocol, clips, classes, splits."""
    clips = manifest.clips
    counts = Counter(clips["split"])
    splits = " / ".join(f"{counts[name]} {name}" for name in SPLITS)
    present = clips["class_name"].nunique()
    classes = (
        f"{present} classes" if present == len(manifest.classes) else f"{present} of {len(manifest.classes)} classes"
    )
    return f"{manifest.protocol}: {len(clips)} clips ({splits}), {classes}"


if __name__ == "__main__":
    run_cli(app)
