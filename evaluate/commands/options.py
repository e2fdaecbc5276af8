"""The options that `reproduce` and `check` share: a recipe's or suite's name, and the inputs of each recipe.

A recipe has one folder: `--videos DIR`. In a suite the recipe is named: `--videos sysu=DIR`. No input is read here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.log import notify
from common.named_paths import named_paths
from distill.commands.caches import name_caches
from evaluate.pipeline.inputs import PipelineInputs, missing_option, replace_seeds
from manifests.datasets import is_synthetic
from manifests.recipes.recipe import ONLY_STREAM, Recipe

FORMER_NAMES = {"utd-mhad-programme": "utd-mhad-suite"}  # of suites that come with the project


@dataclass(frozen=True)
class InputOptions:
    """The options as the user typed them. Each may be given several times."""

    videos: Sequence[str] = ()
    manifests: Sequence[str] = ()
    caches: Sequence[str] = ()
    skip_failed: bool = False
    get_weights: bool = False


def current_name(recipe: Path) -> Path:
    """Return the present name of a recipe or suite, and print a note if the given name is a former one."""
    name = FORMER_NAMES.get(str(recipe))
    if name is None or recipe.exists():
        return recipe
    notify(f"note: {recipe} is called {name} now; to use results in out/{recipe}, give --out out/{recipe}")
    return Path(name)


def inputs_of_recipe(recipe: Recipe, out: Path, options: InputOptions) -> PipelineInputs:
    """Return the inputs of a recipe.

    Raises:
        UserError: an option is given twice, or a cache belongs to no stream.
    """
    return PipelineInputs(
        out,
        videos=_at_most_one(recipe, "--videos", options.videos),
        manifest=_at_most_one(recipe, "--manifest", options.manifests),
        caches=name_caches(recipe, options.caches),
        skip_failed=options.skip_failed,
        get_weights=options.get_weights,
    )


def inputs_of_suite(recipes: Sequence[Recipe], out: Path, options: InputOptions) -> dict[str, PipelineInputs]:
    """Return the inputs of the recipes of a suite, by their names, without the recipes that get nothing.

    Recipes with the same name have the same inputs. Their results go into the folder of that name in `out`.

    Raises:
        UserError: nothing is given at all, an option belongs to no recipe, or it is given twice for a recipe.
    """
    by_name = {recipe.name: recipe for recipe in recipes}
    videos = named_paths("--videos", options.videos, {name: name for name in by_name})
    manifests = named_paths("--manifest", options.manifests, {name: name for name in by_name})
    streams = {
        name if stream == ONLY_STREAM else f"{name}.{stream}": (name, stream)
        for name, recipe in by_name.items()
        for stream in (recipe.stream_configs or (ONLY_STREAM,))
    }
    caches: dict[str, dict[str, Path]] = {name: {} for name in by_name}
    for key, file in named_paths("--cache", options.caches, {name: name for name in streams}).items():
        name, stream = streams[key]
        caches[name][stream] = file
    inputs = {
        name: PipelineInputs(
            out / name, videos.get(name), manifests.get(name), caches[name], options.skip_failed, options.get_weights
        )
        for name, recipe in by_name.items()
        if name in videos or name in manifests or caches[name] or _needs_nothing(recipe)
    }
    if not inputs:
        missing = ", or ".join(missing_option(recipe.name, recipe.data.dataset) for recipe in by_name.values())
        raise UserError(f"there is nothing to run on; {missing}")
    return inputs


def _needs_nothing(recipe: Recipe) -> bool:
    """Return whether a recipe can be run without any option."""
    return is_synthetic(recipe.data.dataset) or recipe.data.manifest is not None


def with_seeds(recipe: Recipe, text: str | None) -> Recipe:
    """Return the recipe with other seeds, written as in `0,1,2`; None: its own.

    Raises:
        UserError: a seed is not a whole number, or is given twice.
    """
    if text is None:
        return recipe
    try:
        seeds = [int(number) for number in text.split(",")]
    except ValueError as error:
        raise UserError(f"--seeds {text}: write whole numbers with commas between, as in 0,1,2") from error
    return replace_seeds(recipe, seeds, f"--seeds {text}")


def _at_most_one(recipe: Recipe, option: str, values: Sequence[str]) -> Path | None:
    if len(values) > 1:
        raise UserError(f"{option} is given {len(values)} times for recipe {recipe.name}; keep one")
    return Path(values[0]) if values else None
