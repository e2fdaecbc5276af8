"""The files of an import: the manifest, its class order, and the recipe, written so that nothing else is replaced."""

import json
import os
from pathlib import Path

from common.errors import UserError
from common.files import write_text
from manifests.importing.folder_import import Imported
from manifests.manifest import Manifest, classes_path, read_manifest, write_manifest

MANIFEST, RECIPE = "manifest.csv", "recipe.toml"

TEXT = """\
# Made by `python -m manifests folder`. Every other value is the program's default; docs/recipes.md lists them.
#   python -m evaluate reproduce {file}
[data]
dataset = "other"
manifest = "{manifest}"
videos = {videos}

[extract]
backbone = "auto"            # chosen at the first run, and kept with the results
frames_per_segment = "auto"

[teacher]
hidden = 64                  # the paper: 256; small networks are enough for a few hundred clips, and faster

[student]
hidden = 128                 # the paper: 512
"""


def write_import(imported: Imported, out: Path, force: bool) -> list[str]:
    """Write manifest.csv, manifest.classes.txt and recipe.toml into a folder, if they are not there already.

    Args:
        imported: what to write.
        out: the folder.
        force: replace a manifest with other clips, and a recipe that was edited.

    Returns:
        Sentences about what was not written.

    Raises:
        UserError: the folder is the folder of the files or inside it, it has another manifest, or it cannot be written.
    """
    _refuse_inside(out, imported.root)
    manifest, recipe = out / MANIFEST, out / RECIPE
    there = _is_there(manifest, imported.manifest)
    if not there and not force:
        for file in (manifest, classes_path(manifest), recipe):
            if file.exists():
                raise UserError(
                    f"{file} exists, and is of another import; give --force to replace it, or another --out"
                )
    text = recipe_text(imported, out)
    notes = []
    if there:
        notes.append(f"{manifest} has these clips already")
    else:
        write_manifest(imported.manifest, manifest)
    if not recipe.exists() or force:
        write_text(recipe, text)
    elif recipe.read_bytes() != text.encode():
        notes.append(f"{recipe} was changed after its import, and stays as it is; --force writes it anew")
    return notes


def recipe_text(imported: Imported, out: Path) -> str:
    """Return the recipe of an import, for a folder. A relative path to the files stays relative.

    If a link in the path of the folder makes a relative path lead elsewhere, the path becomes absolute.
    """
    root = imported.root
    videos = str(root) if root.is_absolute() else os.path.relpath(root, out)
    if (out / videos).resolve() != root.resolve():
        videos = str(root.absolute())
    return TEXT.format(file=out / RECIPE, manifest=MANIFEST, videos=json.dumps(videos, ensure_ascii=False))


def _refuse_inside(out: Path, root: Path) -> None:
    if not str(root.absolute()).isprintable() or not str(out.absolute()).isprintable():
        raise UserError(f"{root} or {out} has a character that cannot be printed; rename the folder")
    if out.resolve().is_relative_to(root.resolve()):
        raise UserError(
            f"--out {out} is in {root}, where the next import would take it for a class; give another folder"
        )


def _is_there(file: Path, manifest: Manifest) -> bool:
    """Return whether a file is this manifest."""
    try:
        there = read_manifest(file)
    except UserError:
        return False
    return there.classes == manifest.classes and there.clips.equals(manifest.clips)
