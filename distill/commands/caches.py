"""The value of `--cache`: a file, or STREAM=FILE for each stream of a recipe."""

from collections.abc import Sequence
from pathlib import Path

from common.errors import UserError
from manifests.recipes.recipe import ONLY_STREAM, Recipe


def name_caches(recipe: Recipe, given: Sequence[str]) -> dict[str, Path]:
    """Return the files of the caches by stream, in the recipe's order.

    Args:
        recipe: has the streams. A recipe without [streams.*] has one, named `ONLY_STREAM`.
        given: "STREAM=FILE" for any of the streams, in any order; "FILE" is enough if there is one stream.

    Raises:
        UserError: there is no such stream, or a stream has two files.
    """
    names = list(recipe.stream_configs) or [ONLY_STREAM]
    files: dict[str, Path] = {}
    for text in given:
        name, _, file = text.partition("=")
        if name not in names and len(names) == 1:
            name, file = names[0], text
        if name not in names or not file:
            raise UserError(f"--cache {text}: write NAME=FILE, NAME one of {', '.join(names)} of recipe {recipe.name}")
        if name in files:
            several = f"stream {name}" if len(names) > 1 else f"recipe {recipe.name}, which has one stream"
            raise UserError(f"--cache gives two files for {several}: {files[name]} and {file}; keep one")
        files[name] = Path(file)
    return {name: files[name] for name in names if name in files}
