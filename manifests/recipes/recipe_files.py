"""The TOML files of recipes: found by name or by path, and read into sections that are not checked yet."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any

from common.errors import UserError, did_you_mean, first_few
from common.file_kind import TEXT, TOML, kind_of

RECIPES = Path(__file__).parent


def read_sections(path: Path) -> dict[str, Any]:
    """Return the sections of a recipe's file, with the name of the recipe, and paths that start at the file."""
    sections = {"name": _name_of(path)} | read_toml(path)
    data = sections.get("data")
    if isinstance(data, dict):
        paths = {key: path.parent / data[key] for key in ("manifest", "videos") if isinstance(data.get(key), str)}
        sections["data"] = data | paths
    return sections


def _name_of(path: Path) -> str:
    """Return the name of a recipe that gives none, from its file, with "-" for other characters."""
    return name_of_folder(path.parent) if path.name == "recipe.toml" else _allowed(path.stem)


def name_of_folder(folder: Path) -> str:
    """Return the name of the recipe `recipe.toml` in a folder, if the recipe gives none."""
    return _allowed(folder.absolute().name)


def _allowed(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name) or "recipe"


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        UserError: it cannot be read, or it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if (kind := kind_of(path)) not in (None, TOML, TEXT):
            raise UserError(f"{path} is not a recipe but {kind}; give a TOML file or the name of a recipe") from error
        raise UserError(f"cannot read the recipe {path}: {error}") from error


def find_recipe_file(name: Path, folder: Path) -> Path:
    """Return the file of a recipe.

    Args:
        name: a file, or the name of a recipe that comes with the project.
        folder: a relative file name is relative to this folder.

    Raises:
        UserError: there is no such recipe (with the nearest name), or it is a folder or a suite.
    """
    shipped = (RECIPES, RECIPES / "rows")
    for path in (folder / name, *(place / f"{name}.toml" for place in shipped)):
        if path.is_file():
            return path
    if (folder / name).is_dir():
        remedy = _recipes_in(folder / name, folder / name) or "give a TOML file or the name of a recipe"
        raise UserError(f"{folder / name} is not a recipe but a folder; {remedy}")
    if (RECIPES / "suites" / f"{name}.toml").is_file():
        raise UserError(f"{name} is a suite and not one recipe; give one of its rows, or `reproduce` the suite")
    beside = _recipes_in((folder / name).parent, folder / name)
    if name.suffix == ".toml" or (beside and len(name.parts) > 1):
        remedy = beside or "correct the path, or give the name of a recipe"
        raise UserError(f"the recipe {folder / name} does not exist; {remedy}")
    known = sorted(path.stem for place in shipped for path in place.glob("*.toml"))
    suites = sorted(path.stem for path in (RECIPES / "suites").glob("*.toml"))
    nearest = difflib.get_close_matches(str(name), [*known, *suites], n=1)
    hint = f"did you mean {nearest[0]}? " if nearest else ""
    raise UserError(
        f"no recipe {name}; {hint}give a file, or one of: {', '.join(known)}; the suites are {', '.join(suites)}"
    )


def _recipes_in(folder: Path, wanted: Path) -> str:
    """Return which recipes and suites a folder has, with the one that is nearest to `wanted`; "": it has none."""
    files = [path for path in sorted(folder.glob("*.toml")) if _is_recipe(path)]
    if len(files) == 1:
        return f"{files[0]} is {'in it' if folder == wanted else 'there'}: give that"
    hint = did_you_mean(wanted, files)
    named = first_few([*map(str, files)])
    return f"{hint}{' ' if hint else ''}in {folder} are {named}: give one of these" if files else ""


def _is_recipe(path: Path) -> bool:
    """Tell whether a TOML file has a section or a key that only recipes and suites have."""
    try:
        return not {"data", "base", "rows"}.isdisjoint(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False
