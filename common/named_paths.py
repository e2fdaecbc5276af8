"""The values NAME=PATH of an option that may be given several times."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from common.errors import UserError


def named_paths(option: str, given: Sequence[str], names: Mapping[str, str], where: str = "") -> dict[str, Path]:
    """Return the paths by name, in the order in which they are given.

    Args:
        option: as in `--cache`, for messages.
        given: "NAME=PATH"; "PATH" is enough if there is one name.
        names: the known names, and what messages call each of them.
        where: what has these names, for messages, as in " of recipe x".

    Raises:
        UserError: there is no such name, a path is missing, or a name has two paths.
    """
    paths: dict[str, Path] = {}
    for text in given:
        name, _, path = text.partition("=")
        if name not in names and len(names) == 1:
            name, path = next(iter(names)), text
        if name not in names or not path:
            raise UserError(f"{option} {text}: write NAME=PATH, NAME one of {', '.join(names)}{where}")
        if name in paths:
            raise UserError(f"{option} gives two paths for {names[name]}: {paths[name]} and {path}; keep one")
        paths[name] = Path(path)
    return paths
