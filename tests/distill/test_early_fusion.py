"""Early fusion by its properties: whatever order and subset of clips the caches have, each clip keeps its own rows."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from distill.early_fusion import clips_without_features, join_caches
from distill.feature_set import make_feature_set
from extract.cache import Cache
from manifests.manifest import Manifest

NAMES = ("rgb", "skeleton", "depth")
CLIPS = ("a", "b", "c", "ä d")
N = 3


def row(name: str, clip_id: str, width: int) -> np.ndarray:
    """What a stream's features of a clip are, (N, width), wherever the clip stands: no two alike."""
    first = 1000 * (NAMES.index(name) + 1) + 100 * CLIPS.index(clip_id)
    return (first + np.arange(N * width)).reshape(N, width).astype(np.float32)


def make_cache(name: str, clip_ids: list[str], valid: list[bool], width: int) -> Cache:
    """Clips that are not valid have rubbish for features, which must not be seen again."""
    features = [
        row(name, clip, width) if ok else np.full((N, width), -7) for clip, ok in zip(clip_ids, valid, strict=True)
    ]
    return Cache(
        features=np.array(features, np.float32).reshape(len(clip_ids), N, width),
        clip_id=clip_ids,
        num_frames=np.array([10 * (NAMES.index(name) + 1) + CLIPS.index(clip) for clip in clip_ids], np.int64),
        valid=np.array(valid, bool),
        settings={"backbone": name},
        content_sha256=f"{name}{clip_ids}{valid}",
    )


@st.composite
def cache_of(draw: st.DrawFn, name: str) -> Cache:
    clip_ids = draw(st.permutations(CLIPS))[: draw(st.integers(0, len(CLIPS)))]
    valid = draw(st.lists(st.booleans(), min_size=len(clip_ids), max_size=len(clip_ids)))
    return make_cache(name, list(clip_ids), valid, draw(st.integers(1, 3)))


@st.composite
def several(draw: st.DrawFn) -> dict[str, Cache]:
    names = draw(st.permutations(NAMES))[: draw(st.integers(2, 3))]
    return {name: draw(cache_of(name)) for name in names}


def has(cache: Cache, clip_id: str) -> bool:
    return any(name == clip_id and ok for name, ok in zip(cache.clip_id, cache.valid, strict=True))


@given(several())
def test_every_clip_keeps_its_own_features_and_none_is_lost(caches: dict[str, Cache]) -> None:
    joined = join_caches(caches)
    assert len(joined.clip_id) == len(set(joined.clip_id))
    assert set(joined.clip_id) == {clip_id for cache in caches.values() for clip_id in cache.clip_id}
    width = sum(cache.features.shape[2] for cache in caches.values())
    assert (joined.features.dtype, joined.features.shape) == (np.float32, (len(joined.clip_id), N, width))
    first = next(iter(caches))
    for index, clip_id in enumerate(joined.clip_id):
        assert joined.valid[index] == all(has(cache, clip_id) for cache in caches.values())
        if joined.valid[index]:
            own = [row(name, clip_id, cache.features.shape[2]) for name, cache in caches.items()]
            assert np.array_equal(joined.features[index], np.concatenate(own, axis=1))
            assert joined.num_frames[index] == 10 * (NAMES.index(first) + 1) + CLIPS.index(clip_id)
        else:
            assert not joined.features[index].any()
            assert joined.num_frames[index] == 0


@given(several())
def test_what_is_missing_is_named_by_stream(caches: dict[str, Cache]) -> None:
    lacking = clips_without_features(caches, CLIPS)
    for name, cache in caches.items():
        assert lacking.get(name, []) == [clip_id for clip_id in CLIPS if not has(cache, clip_id)]
    joined = join_caches(caches)
    lost = {clip_id for clips in lacking.values() for clip_id in clips}
    assert lost == set(CLIPS) - {clip for clip, ok in zip(joined.clip_id, joined.valid, strict=True) if ok}


@given(several(), st.data())
def test_the_order_of_clips_in_a_cache_plays_no_part(caches: dict[str, Cache], data: st.DataObject) -> None:
    shuffled = {}
    for name, cache in caches.items():
        order = data.draw(st.permutations(range(len(cache.clip_id))))
        shuffled[name] = replace(
            cache,
            features=cache.features[list(order)],
            clip_id=[cache.clip_id[index] for index in order],
            num_frames=cache.num_frames[list(order)],
            valid=cache.valid[list(order)],
        )
    one, two = join_caches(caches), join_caches(shuffled)
    for index, clip_id in enumerate(one.clip_id):
        other = two.clip_id.index(clip_id)
        assert np.array_equal(one.features[index], two.features[other])
        assert (one.valid[index], one.num_frames[index]) == (two.valid[other], two.num_frames[other])


def pair(width: int = 2) -> dict[str, Cache]:
    whole = [True] * len(CLIPS)
    return {name: make_cache(name, list(CLIPS), whole, width) for name in ("rgb", "skeleton")}


def test_the_fingerprint_is_of_names_parts_and_order() -> None:
    caches = pair()
    rgb, skeleton = caches.values()
    prints = {
        join_caches(caches).content_sha256,
        join_caches({"skeleton": skeleton, "rgb": rgb}).content_sha256,
        join_caches({"rgb": skeleton, "skeleton": rgb}).content_sha256,
        join_caches({"rgb": rgb, "bones": skeleton}).content_sha256,
        join_caches({"rgb": rgb, "skeleton": replace(skeleton, content_sha256="other")}).content_sha256,
    }
    assert len(prints) == 5
    assert join_caches(pair()).content_sha256 in prints
    settings = join_caches(caches).settings
    assert settings == {"streams": {"rgb": {"backbone": "rgb"}, "skeleton": {"backbone": "skeleton"}}}
    assert json.loads(json.dumps(settings)) == settings


def test_one_stream_is_its_own_cache() -> None:
    """So that run folders of recipes with one stream go on."""
    rgb = pair()["rgb"]
    assert join_caches({"rgb": rgb}) is rgb


def test_streams_of_other_numbers_of_segments_are_refused() -> None:
    rgb, skeleton = pair().values()
    with pytest.raises(UserError, match=r"differ in their number of segments \(rgb 3, skeleton 2\)"):
        join_caches({"rgb": rgb, "skeleton": replace(skeleton, features=skeleton.features[:, :2])})


def test_a_clip_that_one_stream_lacks_is_left_out_by_name(cache: Cache, manifest: Manifest) -> None:
    lame = replace(cache, valid=np.array([clip != "train_jump_3" for clip in cache.clip_id]), content_sha256="l")
    joined = join_caches({"one": cache, "two": lame})
    with pytest.raises(UserError, match=r"1 of 48 clips have no features.* train_jump_3"):
        make_feature_set(joined, manifest)
    left = make_feature_set(joined, manifest, allow_missing=True)
    assert left.missing == ("train_jump_3",)
    assert left.feature_dim == 12
