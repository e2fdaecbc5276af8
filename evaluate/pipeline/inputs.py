"""The inputs of a reproduction, and its progress callbacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.callbacks import ProgressCallback, no_progress
from common.config import parse_config
from common.cores import usable_cores
from manifests.datasets import DATASETS
from manifests.recipes.recipe import Recipe


@dataclass(frozen=True)
class PipelineInputs:
    """The files that a recipe gets, and the folder of its results.

    Attributes:
        out: the folder of everything that is made.
        videos: the folder of the data set's files, videos or skeletons; None: the recipe names it, or it is not needed
            because all caches are given.
        manifest: your own manifest; None: the recipe names it, or it is built from the files.
        caches: feature caches that exist already, by stream (`ONLY_STREAM` if the recipe has no [streams.*]). The other
            streams are extracted.
        skip_failed: continue without the clips that have no features; the protocol is then named a subset.
        get_weights: download released weights that are needed and missing.
    """

    out: Path
    videos: Path | None = None
    manifest: Path | None = None
    caches: Mapping[str, Path] = field(default_factory=dict)
    skip_failed: bool = False
    get_weights: bool = False


@dataclass(frozen=True)
class SuiteInputs:
    """The inputs of the recipes of a suite.

    Attributes:
        out: the folder of the suite's table.
        recipes: by the name of the recipe (`merge_rows`), its inputs. A recipe without inputs is not run.
    """

    out: Path
    recipes: Mapping[str, PipelineInputs]


@dataclass(frozen=True)
class StageProgress:
    """The progress callbacks of the stages. Each counts over all streams.

    Attributes:
        weights: megabytes of released weights that are downloaded.
        clips: clips that are extracted.
        va_cnn: epochs of the VA-CNNs that are trained for the extraction.
        epochs: epochs of teachers and students.
    """

    weights: ProgressCallback = no_progress
    clips: ProgressCallback = no_progress
    va_cnn: ProgressCallback = no_progress
    epochs: ProgressCallback = no_progress


def default_workers() -> int:
    """Return the number of decode processes: one for each core, but not more than 8, because the network is slower."""
    return min(usable_cores(), 8)


def replace_seeds(recipe: Recipe, seeds: Sequence[int], source: str = "seeds") -> Recipe:
    """Return the recipe with other seeds, also for its training with few labels.

    Args:
        recipe: has all other values.
        seeds: the seeds.
        source: names the seeds in error messages.

    Raises:
        UserError: a seed is negative, too large or given twice.
    """
    changed = parse_config(Recipe, recipe.model_dump() | {"seeds": list(seeds)}, source)
    if changed.few_labels is not None:
        few = changed.few_labels.model_copy(update={"seeds": changed.seeds})
        changed = changed.model_copy(update={"few_labels": few})
    return changed.model_copy(update={"data": recipe.data})  # a dump leaves out where the files are


def missing_option(recipe: str, dataset: str) -> str:
    """Return the option that a recipe of a suite needs to be run, as a request to the user."""
    option, value = ("--videos", "DIR") if dataset in DATASETS else ("--manifest", "FILE")
    return f"give {option} {recipe}={value}"
