"""Command line of the manifests: build one, draw the data set that draws itself, check one."""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from common.command_line import new_app, run_cli
from common.errors import UserError
from common.files import inside, refuse_no_folder
from manifests.audit import refuse_unusable, remarks
from manifests.commands.unpack import unpack
from manifests.datasets import ntu60, sysu, ucf101, utd_mhad
from manifests.manifest import SPLITS, Manifest, path_columns, read_manifest, write_manifest
from manifests.stick_figures.data_set import draw_data_set

app = new_app(__doc__)

Out = Annotated[Path, typer.Option(help="Manifest to write; its class order is written beside it.")]
HoldOut = Annotated[
    str | None,
    typer.Option(help="Training subjects to validate on, as in 1,2; it is then part of the protocol's name."),
]


@app.command("ucf101")
def build_ucf101(
    videos: Annotated[Path, typer.Argument(help="Folder of the UCF101 videos, searched at any depth.")],
    out: Out,
    protocol: Annotated[str, typer.Option(help=f"One of {', '.join(ucf101.PROTOCOLS)}.")] = "ucf101-early-15-3-7",
    classes: Annotated[str | None, typer.Option(help="Comma-separated subset of the classes; default: all.")] = None,
    compact: Annotated[bool, typer.Option(help="Renumber a subset 0, 1, … instead of keeping the indices.")] = False,
    hold_out: Annotated[str | None, typer.Option(help="Training groups to validate on, as in 23,24,25.")] = None,
) -> None:
    """Write the manifest of the UCF101 clips that are really there, and say what is missing.

    Example: `python -m manifests ucf101 /data/UCF-101 --out ucf101.csv`
    """
    groups = _numbers(hold_out, "group numbers as in 23,24,25") or []
    wanted = [name.strip() for name in classes.split(",")] if classes else None
    manifest, missing = ucf101.build(videos, protocol, classes=wanted, compact=compact, hold_out=groups)
    write_manifest(manifest, out)
    print(summary(manifest))
    if missing:
        print(f"{len(missing)} clips of the official list are not in {videos}; the first: {', '.join(missing[:3])}")


@app.command("ntu60")
def build_ntu60(
    skeletons: Annotated[Path, typer.Argument(help="Folder of the .skeleton files, searched at any depth.")],
    out: Out,
    protocol: Annotated[str, typer.Option(help=f"One of {', '.join(ntu60.PROTOCOLS)}.")] = "ntu60-xsub",
    hold_out: HoldOut = None,
) -> None:
    """Write the manifest of the NTU RGB+D 60 skeletons that are really there, and say what is missing or left out.

    Example: `python -m manifests ntu60 /data/nturgb+d_skeletons --out ntu60.csv`
    """
    _write(out, *ntu60.build(skeletons, protocol, hold_out=_numbers(hold_out)))


@app.command("sysu")
def build_sysu(
    clips: Annotated[Path, typer.Argument(help="Folder of the actors, or one with 3DvideoNorm in it.")],
    out: Out,
    protocol: Annotated[
        str, typer.Option(help=f"{sysu.FIXED}, {sysu.SETTING_1}00 to 29 or {sysu.SETTING_2}00 to 29.")
    ] = sysu.FIXED,
    hold_out: HoldOut = None,
) -> None:
    """Write the manifest of the SYSU 3DHOI clips that are really there, and say what is missing.

    Example: `python -m manifests sysu /data/SYSU3DAction --out sysu.csv`
    """
    _write(out, *sysu.build(clips, protocol, hold_out=_numbers(hold_out)))


@app.command("utd-mhad")
def build_utd_mhad(
    clips: Annotated[Path, typer.Argument(help="Folder of the skeletons and videos, searched at any depth.")],
    out: Out,
    protocol: Annotated[str, typer.Option(help=f"One of {', '.join(utd_mhad.PROTOCOLS)}.")] = "utd-mhad-xsub",
    hold_out: HoldOut = None,
) -> None:
    """Write the manifest of the UTD-MHAD clips that are really there, and say what is missing.

    Example: `python -m manifests utd-mhad /data/utd_mhad --out utd_mhad.csv`
    """
    _write(out, *utd_mhad.build(clips, protocol, hold_out=_numbers(hold_out)))


@app.command("stick-figures")
def draw_stick_figures(
    folder: Annotated[Path, typer.Argument(help="Folder to draw the videos and the manifest into.")],
    seed: Annotated[int, typer.Option(help="Other seeds are other data sets.")] = 0,
) -> None:
    """Draw the stick-figure data set: XviD videos, skeletons, and their manifest.

    Example: `python -m manifests stick-figures out/stick-figures`
    """
    path = draw_data_set(folder, seed=seed)
    print(summary(read_manifest(path)))
    print(f"manifest: {path}")


@app.command("check")
def check_manifest(
    manifest: Annotated[Path, typer.Argument(help="The manifest's CSV.")],
    videos: Annotated[Path | None, typer.Option(help="Also check that every path leads to something here.")] = None,
) -> None:
    """Check a manifest of your own against every rule of the schema, and for what spoils its numbers.

    A file that two clips have, and a class without training clips, are refused. Groups with clips in more than one
    split are named on standard error.

    Example: `python -m manifests check mine.csv --videos /data/mine`
    """
    checked = read_manifest(manifest)
    refuse_unusable(checked.clips, videos)
    print(summary(checked))
    for remark in remarks(checked.clips, videos):
        print(remark, file=sys.stderr)
    if "validation" not in set(checked.clips["split"]):
        print("no validation split: training needs one to select its models; set some training groups apart for it")
    if videos is not None:
        refuse_no_folder(videos, "the video folder")
        paths = dict.fromkeys(path for column in path_columns(checked.clips) for path in checked.clips[column])
        missing = [path for path in paths if not _is_there(inside(videos, path))]
        if missing:
            raise UserError(f"{len(missing)} paths lead to nothing in {videos}; the first: {', '.join(missing[:3])}")


app.command()(unpack)


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


def _write(out: Path, manifest: Manifest, said: list[str]) -> None:
    write_manifest(manifest, out)
    print("\n".join([summary(manifest), *said]))


def _numbers(text: str | None, what: str = "subject numbers as in 1,2") -> list[int] | None:
    if not text:
        return None
    try:
        return [int(number) for number in text.split(",")]
    except ValueError as error:
        raise UserError(f"--hold-out {text!r}: write {what}") from error


def _is_there(path: Path) -> bool:
    """A file, or a folder of frames, which must not be empty."""
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


if __name__ == "__main__":
    run_cli(app)
