"""`manifests folder`: a manifest and a recipe from a folder of your own videos or skeleton files."""

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.options import Json

if TYPE_CHECKING:
    from manifests.importing.folder_import import Imported

MOST_ROWS = 20  # classes; the table of more is short


def folder(
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder with a subfolder for each class, or with train, validation, test that have these; or a CSV "
            "path,label (and split, group, start, end), or Kinetics' label,youtube_id,time_start,time_end,split."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for manifest.csv, manifest.classes.txt and recipe.toml.")],
    videos: Annotated[
        Path | None, typer.Option(help="Folder that the paths of a CSV are relative to; default: the CSV's.")
    ] = None,
    val: Annotated[float, typer.Option(help="Share of validation clips, if the source has no such split.")] = 0.15,
    test: Annotated[float, typer.Option(help="Share of test clips, if the source has no such split.")] = 0.25,
    seed: Annotated[int, typer.Option(help="Another seed makes another division.")] = 0,
    group_regex: Annotated[
        str | None,
        typer.Option(help="Clips for whose path the first group of this regular expression is equal stay together."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the files of another import in --out.")] = False,
    as_json: Json = False,
) -> None:
    """Write the manifest and the recipe of your own videos or skeleton files, divided into three splits.

    Clips of one person, or cut from one video, stay in one split if the names tell them. Nothing is decoded, and
    nothing is written into the folder. The recipe finds manifest and videos by itself.

    Examples:

    - `python -m manifests folder videos --out mine`

    - `python -m manifests folder videos --out mine --group-regex '_(subject[0-9]+)_'`

    - `python -m manifests folder labels.csv --videos videos --out mine`
    """
    from manifests.importing.division import Shares
    from manifests.importing.folder_import import import_clips
    from manifests.importing.written_files import MANIFEST, RECIPE, write_import
    from manifests.recipes.recipe_files import name_of_folder

    imported = import_clips(
        source, name_of_folder(out), videos=videos, shares=Shares(val, test, seed), group_regex=group_regex
    )
    notes = write_import(imported, out, force)
    if as_json:
        files = {"manifest": str(out / MANIFEST), "recipe": str(out / RECIPE)}
        print(json.dumps(files | _as_json(imported) | {"notes": notes}))
        return
    _print_counts(imported)
    for sentence in imported.sentences():
        print(sentence, file=sys.stderr)
    for note in notes:
        print(note)
    print(f"next: python -m evaluate reproduce {shlex.quote(str(out / RECIPE))}")


def _as_json(imported: "Imported") -> dict[str, object]:
    from manifests.summary import summarise

    return asdict(summarise(imported.manifest)) | {
        "counts": imported.counts,
        "groups": imported.groups,
        "left_out": imported.left_out,
        "remarks": list(imported.remarks),
    }


def _print_counts(imported: "Imported") -> None:
    """Print the number of clips by class and split; of many classes the smallest and the largest number only."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from manifests.manifest import SPLITS
    from manifests.summary import summarise

    counts = imported.counts
    table = Table("Class", *SPLITS, box=box.SIMPLE)
    if len(counts) <= MOST_ROWS:
        for name, own in counts.items():
            table.add_row(escape(name), *(str(own[split]) for split in SPLITS))
    else:
        for title, choose in (("fewest of a class", min), ("most of a class", max)):
            table.add_row(title, *(str(choose(own[split] for own in counts.values())) for split in SPLITS))
    Console().print(table)
    print(summarise(imported.manifest).sentence())
    if imported.groups:
        number = imported.manifest.clips["group"].nunique()
        print(f"kept together: {number} groups ({imported.groups})")
