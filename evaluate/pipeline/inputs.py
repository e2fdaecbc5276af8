"""What a reproduction is given, and whom it tells how far it is. Nothing is done here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common.callbacks import ProgressCallback, no_progress
from manifests.recipes.recipe import Recipe


@dataclass(frozen=True)
class PipelineInputs:
    """Where things come from and go to.

    Attributes:
        out: folder of everything that is made.
        videos: folder of the data set's files, videos or skeletons; None with caches made elsewhere.
        manifest: a manifest of your own; None: built from the files.
        caches: feature caches made elsewhere, by stream (`ONLY_STREAM` in a recipe without); the others are extracted.
        skip_failed: go on without clips that have no features; the protocol is then named a subset.
        get_weights: download released weights that are needed and not here.
    """

    out: Path
    videos: Path | None = None
    manifest: Path | None = None
    caches: Mapping[str, Path] = field(default_factory=dict)
    skip_failed: bool = False
    get_weights: bool = False


@dataclass(frozen=True)
class StageProgress:
    """Callbacks for progress, each over all streams: (done, all).

    Attributes:
        weights: megabytes of released weights, while they are downloaded.
        clips: while extracting.
        va_cnn: epochs, while VA-CNNs are trained for the extraction.
        epochs: while teachers and students are trained.
    """

    weights: ProgressCallback = no_progress
    clips: ProgressCallback = no_progress
    va_cnn: ProgressCallback = no_progress
    epochs: ProgressCallback = no_progress


def what_to_give(recipe: Recipe) -> str:
    """Return what makes a recipe of a suite run, as an order."""
    option, kind = ("--manifest", "FILE") if recipe.data.dataset == "other" else ("--videos", "DIR")
    return f"give {option} {recipe.name}={kind}"
