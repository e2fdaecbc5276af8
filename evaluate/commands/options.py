"""What --videos, --manifest, --cache and --seeds say, of one recipe or of each recipe of a suite.

`--videos DIR` is of the one recipe there is, `--videos sysu=DIR` of one among several. No file is read here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.config import parse_config
from common.errors import UserError
from distill.commands.caches import name_caches
from evaluate.pipeline.inputs import PipelineInputs, missing_option
from manifests.datasets import is_synthetic
from manifests.recipes.recipe import ONLY_STREAM, Recipe


@dataclass(frozen=True)
class InputOptions:
    """The options as they were typed, each any number of times."""

    videos: Sequence[str] = ()
    manifests: Sequence[str] = ()
    caches: Sequence[str] = ()
    skip_failed: bool = False
    get_weights: bool = False


def inputs_of_recipe(recipe: Recipe, out: Path, given: InputOptions) -> PipelineInputs:
    """Return what one recipe is given.

    Raises:
        UserError: an option twice, or a cache of no stream.
    """
    videos, manifest = (
        _once(recipe, *option) for option in (("--videos", given.videos), ("--manifest", given.manifests))
    )
    return PipelineInputs(
        out, videos, manifest, name_caches(recipe, given.caches), given.skip_failed, given.get_weights
    )


def inputs_of_suite(recipes: Sequence[Recipe], out: Path, given: InputOptions) -> dict[str, PipelineInputs]:
    """Return what the recipes of a suite are given, by their names; those that are given nothing are not there.

    Recipes of one name have the same inputs, and the folder of that name in `out`.

    Raises:
        UserError: nothing is given at all, an option of no recipe, or twice of one.
    """
    by_name = {recipe.name: recipe for recipe in recipes}
    videos = _by_name("--videos", given.videos, list(by_name))
    manifests = _by_name("--manifest", given.manifests, list(by_name))
    streams = {
        name if stream == ONLY_STREAM else f"{name}.{stream}": (name, stream)
        for name, recipe in by_name.items()
        for stream in (recipe.stream_configs or (ONLY_STREAM,))
    }
    caches: dict[str, dict[str, Path]] = {name: {} for name in by_name}
    for key, file in _by_name("--cache", given.caches, list(streams)).items():
        name, stream = streams[key]
        caches[name][stream] = file
    found = {
        name: PipelineInputs(
            out / name, videos.get(name), manifests.get(name), caches[name], given.skip_failed, given.get_weights
        )
        for name, recipe in by_name.items()
        if name in videos or name in manifests or caches[name] or is_synthetic(recipe.data.dataset)
    }
    if not found:
        options = ", or ".join(missing_option(recipe.name, recipe.data.dataset) for recipe in by_name.values())
        raise UserError(f"there is nothing to run on; {options}")
    return found


def with_seeds(recipe: Recipe, text: str | None) -> Recipe:
    """Return the recipe with other seeds, written as in `0,1,2`; None: its own.

    Raises:
        UserError: no whole numbers, or one twice.
    """
    if text is None:
        return recipe
    try:
        seeds = [int(number) for number in text.split(",")]
    except ValueError as error:
        raise UserError(f"--seeds {text}: write whole numbers with commas between, as in 0,1,2") from error
    return parse_config(Recipe, recipe.model_dump() | {"seeds": seeds}, f"--seeds {text}")


def _once(recipe: Recipe, option: str, given: Sequence[str]) -> Path | None:
    if len(given) > 1:
        raise UserError(f"{option} is given {len(given)} times for recipe {recipe.name}; keep one")
    return Path(given[0]) if given else None


def _by_name(option: str, given: Sequence[str], names: Sequence[str]) -> Mapping[str, Path]:
    """Files or folders by the name before `=`, which may be left out where there is one name only."""
    found: dict[str, Path] = {}
    for text in given:
        name, _, path = text.partition("=")
        if name not in names and len(names) == 1:
            name, path = names[0], text
        if name not in names or not path:
            raise UserError(f"{option} {text}: write NAME=…, NAME one of {', '.join(names)}")
        if name in found:
            raise UserError(f"{option} gives two for {name}: {found[name]} and {path}; keep one")
        found[name] = Path(path)
    return found
