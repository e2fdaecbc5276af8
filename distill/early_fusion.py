"""Early fusion: the feature caches of several streams become one cache, concatenated segment by segment.

Clips are joined by their ids. A clip that has no features in one stream has none in the joined cache;
`clips_without_features` names such clips. Late fusion, which averages probabilities, is in `evaluate.pipeline`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

import numpy as np

from common.errors import UserError
from distill.feature_set import rows_with_features
from extract.cache import Cache


def join_caches(caches: Mapping[str, Cache]) -> Cache:
    """Join the caches of streams, (clips, N, D₁), (clips, N, D₂), …, into one (clips, N, D₁ + D₂ + …).

    The caches may have different orders of clips. With one stream, its cache is returned unchanged.

    Args:
        caches: by stream, in the order in which the features are concatenated; at least one.

    Returns:
        All clips of all caches, in the order of the first cache, then of the next. A clip is valid if it is valid in
        every stream; the features of other clips are zeros. `num_frames` is that of the first stream, because a video
        and its skeletons may have different numbers of frames. Where segments last a fixed time, a clip has as many as
        in the stream in which it has fewest; the features after these are zeros. `settings` is
        {"streams": {name: settings}}. The fingerprint depends on the streams' names and fingerprints.

    Raises:
        UserError: the streams have different numbers of segments.
    """
    first = next(iter(caches.values()))
    if len(caches) == 1:
        return first
    segments = {name: _segments_of(cache) for name, cache in caches.items()}
    if len(set(segments.values())) > 1:
        each = ", ".join(f"{name} {count}" for name, count in segments.items())
        raise UserError(f"the streams differ in their number of segments ({each}); extract them with the same number")

    rows = {name: rows_with_features(cache) for name, cache in caches.items()}
    clip_ids = list(dict.fromkeys(clip_id for cache in caches.values() for clip_id in cache.clip_id))
    valid = np.array([all(clip_id in row_of for row_of in rows.values()) for clip_id in clip_ids], dtype=np.bool_)
    shared = [clip_id for clip_id, everywhere in zip(clip_ids, valid, strict=True) if everywhere]
    widths = [cache.features.shape[2] for cache in caches.values()]
    features = np.zeros((len(clip_ids), first.features.shape[1], sum(widths)), np.float32)
    end = 0
    for (name, cache), width in zip(caches.items(), widths, strict=True):
        start, end = end, end + width
        features[valid, :, start:end] = cache.features[[rows[name][clip_id] for clip_id in shared]]
    num_frames = np.zeros(len(clip_ids), np.int64)
    first_rows = next(iter(rows.values()))
    num_frames[valid] = first.num_frames[[first_rows[clip_id] for clip_id in shared]]
    num_segments = None
    if first.num_segments is not None:
        each_stream = [
            cache.num_segments[[rows[name][clip_id] for clip_id in shared]]
            for name, cache in caches.items()
            if cache.num_segments is not None
        ]
        num_segments = np.zeros(len(clip_ids), np.int64)
        num_segments[valid] = np.min(each_stream, axis=0)
        features[np.arange(features.shape[1]) >= num_segments[:, None]] = 0
    parts = [(name, cache.content_sha256) for name, cache in caches.items()]
    return Cache(
        features=features,
        clip_id=clip_ids,
        num_frames=num_frames,
        valid=valid,
        num_segments=num_segments,
        settings={"streams": {name: cache.settings for name, cache in caches.items()}},
        content_sha256=hashlib.sha256(json.dumps(parts).encode()).hexdigest(),
    )


def _segments_of(cache: Cache) -> str:
    """Return how the clips of a cache are cut, which streams must have in common."""
    seconds = cache.settings.get("segment_seconds")
    return f"{cache.features.shape[1]}" + ("" if seconds is None else f" of {seconds:g} s")


def clips_without_features(caches: Mapping[str, Cache], clip_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return, for each stream that lacks some of `clip_ids`, those that are absent from its cache or invalid in it."""
    wanted = list(clip_ids)
    lacking = {}
    for name, cache in caches.items():
        row_of = rows_with_features(cache)
        if missing := [clip_id for clip_id in wanted if clip_id not in row_of]:
            lacking[name] = missing
    return lacking
