"""The value of `--cache`: a file, or STREAM=FILE for each stream of a recipe."""

from collections.abc import Sequence
from pathlib import Path

from common.named_paths import named_paths
from manifests.recipes.recipe import ONLY_STREAM, Recipe


def name_caches(recipe: Recipe, given: Sequence[str]) -> dict[str, Path]:
    """Return the files of the caches by stream, in the recipe's order.

    Args:
        recipe: has the streams. A recipe without [streams.*] has one, named `ONLY_STREAM`.
        given: "STREAM=FILE" for any of the streams, in any order; "FILE" is enough if there is one stream.

    Raises:
        UserError: there is no such stream, or a stream has two files.
    """
    streams = list(recipe.stream_configs)
    names = {name: f"stream {name}" for name in streams}
    if len(streams) < 2:
        names = dict.fromkeys(streams or [ONLY_STREAM], f"recipe {recipe.name}, which has one stream")
    files = named_paths("--cache", given, names, f" of recipe {recipe.name}")
    return {name: files[name] for name in names if name in files}
