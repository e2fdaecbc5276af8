"""A stream: its feature cache, checked against the config of the stream and against the clips."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from extract.cache import Cache, read_cache
from manifests.manifest import Manifest
from manifests.recipes.extraction import AUTO, TRAIN, Extract, VaCnn

# The keys of a stream's config that the settings of its cache must repeat.
COMPARED = {"backbone", "column", "segments", "frames_per_segment", "pictures", "precision", "frame_rate"}
COMPARED_VA_CNN = {"image_size", "legacy_sequence_stretch", "legacy_sequence_actors"}


@dataclass(frozen=True)
class Stream:
    """The features of one stream, and the file they are in."""

    path: Path
    cache: Cache


def read_stream(path: Path, config: Extract | None, manifest: Manifest, title: str) -> Stream:
    """Read the cache of a stream.

    Args:
        path: the cache.
        config: how the recipe extracts the stream; None: the recipe does not say.
        manifest: the clips that the cache must contain, with or without features.
        title: names the stream in error messages, as in `stream rgb of recipe sysu`.

    Raises:
        UserError: the file is damaged, its settings contradict the config, or it does not contain all clips.
    """
    cache = read_cache(path)
    there = {"segment_seconds": None} | cache.settings | {"segments": cache.features.shape[1]}
    differing = [
        f"{key}: {there[key]} there, {value} in the recipe"
        for key, value in _expected_settings(config).items()
        if key in there and there[key] != value
    ]
    if differing:
        raise UserError(f"{path} is not the cache of {title} ({'; '.join(differing)}); give another one")
    absent = manifest.clips[~manifest.clips["clip_id"].isin(cache.clip_id)]
    if not absent.empty:
        raise UserError(
            f"{len(absent)} of {len(manifest.clips)} clips of the manifest are not in {path} at all (first: "
            f"{absent['clip_id'].iloc[0]}); is it the cache of this manifest and of {title}?"
        )
    return Stream(path, cache)


def va_cnn_config(config: Extract) -> VaCnn:
    """Return how the VA-CNN of a stream is trained, if it is."""
    return config.va_cnn or VaCnn()


def _expected_settings(config: Extract | None) -> dict[str, Any]:
    """Return what the settings of a cache must be, as far as they are in the cache."""
    if config is None:
        return {}
    expected = config.model_dump(include=COMPARED) | {"segment_seconds": config.segment_seconds}
    if config.weights == TRAIN:
        va_cnn = va_cnn_config(config)
        expected |= va_cnn.model_dump(include=COMPARED_VA_CNN) | {"timm_model": va_cnn.network}
    return {key: value for key, value in expected.items() if value != AUTO}
