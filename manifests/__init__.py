"""The clips, labels, splits and protocols of the data sets; recipes; published results; the list of released weights.

The public names are imported when they are first used. No module here imports torch or HDF5.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from manifests.importing.api import from_folder
    from manifests.manifest import Manifest, read_manifest
    from manifests.recipes.recipe import Recipe, read_recipe

__all__ = ["Manifest", "Recipe", "from_folder", "read_manifest", "read_recipe"]


def __getattr__(name: str) -> object:
    from common.lazy import find_name  # here, because `early_recognition` first checks whose package `common` is

    return find_name(
        __name__,
        {
            "Manifest": "manifests.manifest",
            "Recipe": "manifests.recipes.recipe",
            "from_folder": "manifests.importing.api",
            "read_manifest": "manifests.manifest",
            "read_recipe": "manifests.recipes.recipe",
        },
        name,
    )
