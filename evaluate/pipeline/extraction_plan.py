"""The plan of the extraction: for each stream of a recipe, its cache, or how the cache is made from which files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.files import refuse_no_folder
from common.run_record import folder_of
from evaluate.pipeline.clips import Clips
from evaluate.pipeline.inputs import PipelineInputs
from evaluate.pipeline.stream_cache import Stream, read_stream
from extract.va_cnn.run_folder import SETTINGS, clip_settings
from manifests.manifest import Manifest, path_columns
from manifests.recipes.extraction import TRAIN, Extract
from manifests.recipes.recipe import ONLY_STREAM, Recipe


@dataclass(frozen=True)
class ExtractedStream:
    """A stream whose cache this run makes, or completes.

    Attributes:
        path: the file of the cache.
        config: what determines the features.
        title: names the stream in messages, as in `stream rgb of recipe sysu`.
        va_cnn: the run folder of the VA-CNN that is trained for the stream; None: no network is trained.
        first_va_cnn: the run folder of the first VA-CNN that was trained for the stream, on these clips or on others.
    """

    path: Path
    config: Extract
    title: str
    va_cnn: Path | None = None
    first_va_cnn: Path | None = None


@dataclass(frozen=True)
class ExtractionPlan:
    """What the extraction gets.

    Attributes:
        clips: the clips and their files.
        given: the streams whose caches exist, by name.
        extracted: the other streams, by name.
        order: the names of all streams, in the recipe's order.
        out: the folder of everything that is made.
        skip_failed: continue without the clips that have no features.
        get_weights: download released weights that are needed and missing.
    """

    clips: Clips
    given: Mapping[str, Stream]
    extracted: Mapping[str, ExtractedStream]
    order: tuple[str, ...]
    out: Path
    skip_failed: bool = False
    get_weights: bool = False


def plan_extraction(recipe: Recipe, inputs: PipelineInputs, clips: Clips) -> ExtractionPlan:
    """Return how each stream of a recipe comes to its features.

    Raises:
        UserError: a given cache belongs to no stream of the recipe, is damaged, or is of other clips or settings; the
            recipe does not say how a stream without a cache is extracted, or its files are not given.
    """
    configs: Mapping[str, Extract | None] = recipe.stream_configs or {ONLY_STREAM: None}
    for name in inputs.caches.keys() - configs.keys():
        raise UserError(f"recipe {recipe.name} has no stream {name}; its streams are {', '.join(configs)}")
    titles = {
        name: f"stream {name} of recipe {recipe.name}" if recipe.streams else f"recipe {recipe.name}"
        for name in configs
    }
    given = {
        name: read_stream(path, configs[name], clips.manifest, titles[name]) for name, path in inputs.caches.items()
    }
    wanted = {name: config for name, config in configs.items() if name not in given}
    for name, config in wanted.items():
        refuse_no_files(recipe.name, name, config, clips.manifest)
    if wanted and clips.root is None:
        raise UserError(f"give --videos, the folder of the files that {' and '.join(wanted)} are made of")
    if wanted:
        refuse_no_video_folder(recipe, inputs, clips)
    return ExtractionPlan(
        clips=clips,
        given=given,
        extracted={
            name: _extracted(name, config, titles[name], inputs.out, clips.manifest)
            for name, config in wanted.items()
            if config is not None
        },
        order=tuple(configs),
        out=inputs.out,
        skip_failed=inputs.skip_failed,
        get_weights=inputs.get_weights,
    )


def refuse_no_video_folder(recipe: Recipe, inputs: PipelineInputs, clips: Clips) -> None:
    """Refuse a video folder that the recipe names and that is not there. One that the user gave is checked before.

    Raises:
        UserError: it does not exist, or is a file.
    """
    if clips.root is not None and inputs.videos is None and recipe.data.videos is not None:
        refuse_no_folder(
            clips.root, "the video folder", f"correct data.videos in recipe {recipe.name}, or give --videos"
        )


def refuse_no_files(recipe: str, name: str, config: Extract | None, manifest: Manifest) -> None:
    """Refuse a stream that the recipe does not say how to extract, or whose files are not in the manifest.

    Raises:
        UserError: there is no section for it, or the manifest has no such column.
    """
    if config is None:
        raise UserError(f"recipe {recipe} has no section [extract]; give the features with --cache")
    if config.column not in manifest.clips:
        raise UserError(
            f"recipe {recipe} makes {name} of the files in column {config.column!r}, and the manifest has "
            f"{', '.join(path_columns(manifest.clips))}; name one of these, or give the features with --cache"
        )


def _extracted(name: str, config: Extract, title: str, out: Path, manifest: Manifest) -> ExtractedStream:
    """Return the plan of a stream. Each VA-CNN has a run folder of its own, and its features a cache of their own."""
    if config.weights != TRAIN:
        return ExtractedStream(out / f"{name}.h5", config, title)
    first = out / f"{name}-va_cnn"
    va_cnn = folder_of(first, SETTINGS, clip_settings(manifest, config.column))
    return ExtractedStream(out / f"{va_cnn.name.replace('-va_cnn', '', 1)}.h5", config, title, va_cnn, first)
