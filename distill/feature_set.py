"""Features and labels of a manifest's splits, joined by clip id, as one tensor for each split on one device.

Only the splits that are asked for are read. Training asks for train and validation, so it has no test labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.errors import UserError
from distill.losses import running_segments
from extract.cache import Cache
from manifests.manifest import Manifest, labels_sha256
from manifests.recipes.recipe import ONLY_STREAM


@dataclass(frozen=True)
class Split:
    """The clips of one split, in the manifest's order."""

    clip_id: tuple[str, ...]
    features: Tensor  # (clips, N, D) float32
    labels: Tensor  # (clips,) int64
    lengths: Tensor | None = None  # (clips,) int64, M: features after segment M are zeros; None: all have N

    def running(self, rows: Tensor) -> Tensor | None:
        """Return which segments the clips in some rows have, (*rows, N) bool; None: all."""
        return None if self.lengths is None else running_segments(self.lengths[rows], self.features.shape[1])


@dataclass(frozen=True)
class FeatureSet:
    """The splits that were asked for, and their origin.

    Attributes:
        splits: by name, as in the manifest.
        num_classes: C, the number of classes of the manifest.
        protocol: the manifest's protocol.
        cache_sha256: fingerprint of the feature cache.
        missing: clips of these splits that were left out because they have no features.
        classes: the names of the classes, in order.
        streams: the settings of the caches of the streams, by stream, in the order of their features.
    """

    splits: Mapping[str, Split]
    num_classes: int
    protocol: str
    cache_sha256: str
    missing: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    streams: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def feature_dim(self) -> int:
        """D, the length of the feature of a segment."""
        return next(iter(self.splits.values())).features.shape[2]

    @property
    def num_segments(self) -> int:
        """N, the number of segments of a clip."""
        return next(iter(self.splits.values())).features.shape[1]

    @property
    def train_clips(self) -> int:
        """The number of training clips."""
        return len(self.splits["train"].labels)

    @property
    def has_lengths(self) -> bool:
        """Whether segments last a fixed time, so that clips differ in their number of segments."""
        return next(iter(self.splits.values())).lengths is not None

    @property
    def labels_sha256(self) -> str:
        """The fingerprint of the clips' splits and labels."""
        return labels_sha256(
            (name, clip, label)
            for name, split in sorted(self.splits.items())
            for clip, label in zip(split.clip_id, split.labels.tolist(), strict=True)
        )

    def to(self, device: torch.device | str) -> "FeatureSet":
        """Return the same set with every tensor on `device`."""
        moved = {
            name: replace(
                split,
                features=split.features.to(device),
                labels=split.labels.to(device),
                lengths=None if split.lengths is None else split.lengths.to(device),
            )
            for name, split in self.splits.items()
        }
        return replace(self, splits=moved)


def rows_with_features(cache: Cache) -> dict[str, int]:
    """Return the rows of the clips that have valid features in a cache, by clip id."""
    return {clip: row for row, clip in enumerate(cache.clip_id) if cache.valid[row]}


def streams_of(settings: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Return the settings of each stream of a cache, which may be the joined cache of several streams."""
    streams: Mapping[str, Mapping[str, Any]] = settings.get("streams", {ONLY_STREAM: settings})
    return streams


def refuse_not_finite(features: Tensor, clip_ids: Sequence[str]) -> None:
    """Refuse features (clips, N, D) with a value that is not a finite number.

    Raises:
        UserError: some clips have such a value; names the first.
    """
    wrong = [
        clip for clip, fine in zip(clip_ids, features.isfinite().all(-1).all(-1).tolist(), strict=True) if not fine
    ]
    if wrong:
        raise UserError(
            f"the features of {len(wrong)} of {len(clip_ids)} clips are not all finite numbers; the first: {wrong[0]}; "
            "make the cache again"
        )


def make_feature_set(
    cache: Cache,
    manifest: Manifest,
    splits: Sequence[str] = ("train", "validation"),
    allow_missing: bool = False,
) -> FeatureSet:
    """Join the features of a cache with the labels of a manifest, by clip id.

    Args:
        cache: features of at least the clips of `splits`, in any order.
        manifest: labels and splits.
        splits: the splits to read; labels of other splits are not read.
        allow_missing: leave out clips without features and name them in `missing`, instead of refusing.

    Raises:
        UserError: a split is empty, or clips are absent from the cache or invalid in it, or a feature is not a finite
            number.
    """
    row_of = rows_with_features(cache)
    clips = {name: manifest.split(name) for name in splits}
    missing = tuple(clip for split in clips.values() for clip in split["clip_id"] if clip not in row_of)
    if missing and not allow_missing:
        raise UserError(
            f"{len(missing)} of {sum(map(len, clips.values()))} clips have no features in the cache; "
            f"the first: {', '.join(missing[:3])}; extract them again, or leave them out by allowing missing clips"
        )
    joined = {}
    for name, split in clips.items():
        split = split[split["clip_id"].isin(row_of)]
        if split.empty:
            raise UserError(f"no clip of split {name!r} has features in the cache; is it the cache of this manifest?")
        rows = [row_of[clip] for clip in split["clip_id"]]
        features = torch.from_numpy(np.asarray(cache.features[rows], dtype=np.float32))
        refuse_not_finite(features, split["clip_id"].tolist())
        joined[name] = Split(
            clip_id=tuple(split["clip_id"]),
            features=features,
            labels=torch.tensor(split["label"].tolist(), dtype=torch.int64),
            lengths=None if cache.num_segments is None else torch.from_numpy(cache.num_segments[rows]),
        )
    return FeatureSet(
        joined,
        len(manifest.classes),
        manifest.protocol,
        cache.content_sha256,
        missing,
        manifest.classes,
        streams_of(cache.settings),
    )
