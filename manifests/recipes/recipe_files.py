"""The TOML files of recipes: found by name or by path, and read into sections that are not checked yet."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any

from common.errors import UserError
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
        raise UserError(f"{folder / name} is not a recipe but a folder; give a TOML file or the name of a recipe")
    if (RECIPES / "suites" / f"{name}.toml").is_file():
        raise UserError(f"{name} is a suite and not one recipe; give one of its rows, or `reproduce` the suite")
    if name.suffix == ".toml":
        raise UserError(f"the recipe {folder / name} does not exist; correct the path, or give the name of a recipe")
    known = sorted(path.stem for place in shipped for path in place.glob("*.toml"))
    suites = sorted(path.stem for path in (RECIPES / "suites").glob("*.toml"))
    nearest = difflib.get_close_matches(str(name), [*known, *suites], n=1)
    hint = f"did you mean {nearest[0]}? " if nearest else ""
    raise UserError(
        f"no recipe {name}; {hint}give a file, or one of: {', '.join(known)}; the suites are {', '.join(suites)}"
    )
