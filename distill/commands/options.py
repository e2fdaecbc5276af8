"""Options that several commands of `python -m distill` have, and the data that they name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # they load torch, which --help does without
    from distill.feature_set import FeatureSet
    from manifests.manifest import Manifest
    from manifests.recipes.recipe import Recipe

RecipeFile = Annotated[Path, typer.Argument(help="A recipe: its file, or its name if it comes with the project.")]
ManifestFile = Annotated[
    Path | None, typer.Option(help="The manifest (CSV); default: the one that the recipe names.", show_default=False)
]
CacheFiles = Annotated[
    list[str], typer.Option(help="The feature cache (HDF5); with several streams each as STREAM=FILE.")
]
AllowMissing = Annotated[bool, typer.Option(help="Leave out clips that have no features.")]


def read_clips(recipe: "Recipe", manifest: Path | None) -> "tuple[Recipe, Manifest]":
    """Return a recipe with its protocol, and the manifest that is given or that the recipe names.

    Raises:
        UserError: there is no manifest, or it cannot be read.
    """
    from common.errors import UserError
    from manifests.manifest import read_manifest
    from manifests.recipes.recipe import with_protocol

    path = manifest or recipe.data.manifest
    if path is None:
        raise UserError(f"recipe {recipe.name} names no manifest; give --manifest FILE")
    clips = read_manifest(path)
    return with_protocol(recipe, clips.protocol), clips


def read_data(
    recipe: "Recipe", manifest: "Manifest", cache: list[str], device: str, allow_missing: bool
) -> "FeatureSet":
    """Return the training and validation clips of the caches that a command names."""
    from common.log import notify
    from distill.commands.caches import name_caches
    from distill.training_data import read_training_data
    from distill.training_plan import check_inputs

    caches = name_caches(recipe, cache)
    check_inputs(recipe, manifest.protocol, caches)
    return read_training_data(manifest, caches, device, allow_missing, notify)
