"""The join of features and labels, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from common.errors import UserError
from distill.feature_set import FeatureSet, make_feature_set
from extract.cache import Cache
from manifests.manifest import Manifest


def test_every_clip_has_its_own_features_and_label(cache: Cache, manifest: Manifest, data: FeatureSet) -> None:
    assert set(data.splits) == {"train", "validation"}
    for name, split in data.splits.items():
        clips = manifest.split(name).set_index("clip_id")
        assert split.clip_id == tuple(clips.index)
        for clip, features, label in zip(split.clip_id, split.features, split.labels, strict=True):
            assert np.array_equal(features.numpy(), cache.features[cache.clip_id.index(clip)])
            assert label.item() == clips.loc[clip, "label"]
    assert (data.num_classes, data.feature_dim, data.protocol) == (3, 6, "made-up")


def test_test_labels_are_never_read(cache: Cache, manifest: Manifest, data: FeatureSet) -> None:
    poisoned = manifest.clips.astype({"label": object})
    poisoned.loc[poisoned["split"] == "test", "label"] = "never read this"
    again = make_feature_set(cache, replace(manifest, clips=poisoned))
    assert again.labels_sha256 == data.labels_sha256


def test_missing_clips_are_refused_by_name_or_left_out_by_name(cache: Cache, manifest: Manifest) -> None:
    failed = cache.valid.copy()
    failed[cache.clip_id.index("train_jump_3")] = False
    failed[cache.clip_id.index("test_jump_3")] = False  # of a split that is not asked for
    holes = replace(cache, valid=failed)
    with pytest.raises(UserError, match=r"1 of 48 clips have no features.* train_jump_3"):
        make_feature_set(holes, manifest)
    left = make_feature_set(holes, manifest, allow_missing=True)
    assert left.missing == ("train_jump_3",)
    assert "train_jump_3" not in left.splits["train"].clip_id
    assert len(left.splits["train"].labels) == len(left.splits["train"].features) == 29

    absent = replace(cache, clip_id=[clip.replace("wave", "wink") for clip in cache.clip_id])
    with pytest.raises(UserError, match=r"16 of 48 .*train_wave_0, train_wave_1, train_wave_2;"):
        make_feature_set(absent, manifest)


def test_a_split_without_clips_is_refused(cache: Cache, manifest: Manifest) -> None:
    no_validation = replace(manifest, clips=manifest.clips.query("split != 'validation'"))
    with pytest.raises(UserError, match=r"'validation' .* empty"):
        make_feature_set(cache, no_validation)
    strange = replace(cache, clip_id=[f"other_{clip}" for clip in cache.clip_id])
    with pytest.raises(UserError, match="no clip of split 'train'"):
        make_feature_set(strange, manifest, allow_missing=True)


def test_fingerprint_knows_labels_and_splits(data: FeatureSet) -> None:
    train = data.splits["train"]
    other_label = replace(train, labels=torch.cat([train.labels[:-1], 1 - train.labels[-1:].clamp(max=1)]))
    relabelled = replace(data, splits={**data.splits, "train": other_label})
    swapped = replace(data, splits={"train": data.splits["validation"], "validation": train})
    assert len({data.labels_sha256, relabelled.labels_sha256, swapped.labels_sha256}) == 3
    assert data.to("cpu").labels_sha256 == data.labels_sha256
