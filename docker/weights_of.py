"""Prints the names of the released weights that a recipe or a table of recipes needs, for `docker/entrypoint`.

Getting them is `extract weights get`; what is trained here, or comes as a package, is not printed.
"""

import sys
from pathlib import Path

from manifests.errors import UserError
from manifests.programme import find_programme, read_programme
from manifests.recipe import read_recipe
from manifests.weights import read_weights


def weights_of(name: Path) -> list[str]:
    """Return the released weights of a recipe or a programme, in order.

    Args:
        name: its file, or its name if it comes with the project.

    Raises:
        UserError: there is no such recipe.
    """
    programme = find_programme(name)
    recipes = read_programme(programme)[1] if programme else [read_recipe(name)]
    used = {stream.weights for recipe in recipes for stream in recipe.stream_tables.values()}
    return sorted(used & read_weights().keys())


if __name__ == "__main__":
    try:
        print(*weights_of(Path(sys.argv[1])), sep="\n")
    except UserError as error:
        sys.exit(f"error: {error}")
