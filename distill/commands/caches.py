"""What `--cache` says on the command lines: a file, or NAME=FILE for each stream of the recipe. No file is read."""

from collections.abc import Sequence
from pathlib import Path

from common.errors import UserError
from manifests.recipes.recipe import ONLY_STREAM, Recipe


def name_caches(recipe: Recipe, given: Sequence[str]) -> dict[str, Path]:
    """Return the files of the caches by their streams' names, in the recipe's order.

    Args:
        recipe: whose streams they are of; without [streams.*] there is one, called `ONLY_STREAM`.
        given: "NAME=FILE" of any of the streams, in any order; "FILE" will do where there is one.

    Raises:
        UserError: no stream of that name, or two files for one stream.
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
