"""Early fusion: the feature caches of several streams as one, joined by clip id, concatenated in each segment.

A clip that one stream lacks has no features in the joined cache either, and `clips_without_features` names it.
No labels and no training here; late fusion, which averages probabilities, is for those who have some.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

import numpy as np

from common.errors import UserError
from distill.feature_set import rows_with_features
from extract.cache import Cache


def join_caches(caches: Mapping[str, Cache]) -> Cache:
    """Join the caches of streams, (clips, N, D₁), (clips, N, D₂), …, to one of (clips, N, D₁ + D₂ + …).

    Clips are matched by id, whatever their order in each cache. Of one stream the cache itself is returned.

    Args:
        caches: by the stream's name, in the order in which features are concatenated; at least one.

    Returns:
        All clips of all caches, in the order of the first, then of the next. Valid are those that every stream has
        valid features of; the others are zeros. `num_frames` are the first stream's: a video and its skeletons need
        not have equally many. `settings` are {"streams": {name: settings}}; the fingerprint is of names and parts.

    Raises:
        UserError: the streams have different numbers of segments.
    """
    first = next(iter(caches.values()))
    if len(caches) == 1:
        return first
    segments = {name: cache.features.shape[1] for name, cache in caches.items()}
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
    parts = [(name, cache.content_sha256) for name, cache in caches.items()]
    return Cache(
        features=features,
        clip_id=clip_ids,
        num_frames=num_frames,
        valid=valid,
        settings={"streams": {name: cache.settings for name, cache in caches.items()}},
        content_sha256=hashlib.sha256(json.dumps(parts).encode()).hexdigest(),
    )


def clips_without_features(caches: Mapping[str, Cache], clip_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return, for each stream that lacks any of `clip_ids`, those that are absent from its cache or invalid in it."""
    wanted = list(clip_ids)
    lacking = {}
    for name, cache in caches.items():
        row_of = rows_with_features(cache)
        if missing := [clip_id for clip_id in wanted if clip_id not in row_of]:
            lacking[name] = missing
    return lacking
