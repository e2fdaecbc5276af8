"""The training and validation clips, read from the feature caches of one or several streams."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from common.callbacks import Notify, no_notice
from common.device import choose_device
from distill.early_fusion import clips_without_features, join_caches
from distill.feature_set import FeatureSet, make_feature_set
from extract.cache import read_cache
from manifests.manifest import Manifest


def read_training_data(
    manifest: Manifest,
    caches: Mapping[str, Path],
    device: str = "auto",
    allow_missing: bool = False,
    notify: Notify = no_notice,
) -> FeatureSet:
    """Read the caches, join the features of several streams, and join them with the labels. No test label is read.

    Args:
        manifest: labels and splits.
        caches: the files by stream, in the order in which the features are concatenated; at least one.
        device: auto, cpu, cuda, cuda:1.
        allow_missing: leave out clips that have no features, instead of refusing.
        notify: gets a sentence about clips that have no features.

    Raises:
        UserError: a cache is damaged, or clips have no features.
    """
    read = {name: read_cache(path) for name, path in caches.items()}
    if len(read) > 1:
        needed = [clip_id for split in ("train", "validation") for clip_id in manifest.split(split)["clip_id"]]
        for name, missing in clips_without_features(read, needed).items():
            notify(f"stream {name}: {len(missing)} clips have no features; the first: {missing[0]}")
    data = make_feature_set(join_caches(read), manifest, allow_missing=allow_missing).to(choose_device(device))
    data = replace(data, streams={name: cache.settings for name, cache in read.items()})
    if data.missing:
        notify(f"{len(data.missing)} clips without features are left out; the first: {', '.join(data.missing[:3])}")
    return data
