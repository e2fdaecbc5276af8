"""The sources of a recipe's models: what they get as input, one stream of features or all streams joined.

Early fusion joins the features of the streams. Late fusion averages the probabilities of models that were trained on
one stream each. "compare" does both, and has each stream alone too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from distill.early_fusion import join_caches
from extract.cache import Cache

EARLY, LATE = "early fusion", "late fusion"
Fusion = Literal["early", "late", "compare"]


@dataclass(frozen=True)
class Source:
    """What a teacher and its students get as input.

    Attributes:
        name: part of the names of its rows; empty if there is only one source.
        folder: the subfolder of its runs and predictions; empty if there is none.
        cache: the features.
        caches: content_sha256 and settings of the caches that the features come from, by stream.
        in_table: its methods are rows of the results table; if False, they are only averaged.
    """

    name: str
    folder: PurePath
    cache: Cache
    caches: Mapping[str, Mapping[str, Any]]
    in_table: bool = True

    @property
    def segment_seconds(self) -> float | None:
        """How long a segment lasts; None: N segments share the length of each clip."""
        seconds: float | None = next(iter(self.caches.values()))["settings"].get("segment_seconds")
        return seconds


def make_sources(fusion: Fusion, caches: Mapping[str, Cache]) -> list[Source]:
    """Return the sources in the order of the results table: the streams alone, then the joined streams.

    Args:
        fusion: as in the recipe.
        caches: by stream.
    """
    about = {
        name: {"content_sha256": cache.content_sha256, "settings": cache.settings} for name, cache in caches.items()
    }
    if len(caches) == 1:
        return [Source("", PurePath(), next(iter(caches.values())), about)]
    alone = [
        Source(name, PurePath(name), cache, {name: about[name]}, in_table=fusion == "compare")
        for name, cache in caches.items()
    ]
    if fusion == "late":
        return alone
    joined = Source(EARLY, PurePath(), join_caches(caches), about)
    return [joined] if fusion == "early" else [*alone, joined]


def average(probabilities: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean of the probabilities (clips, N, C) of several models for the same clips."""
    return np.asarray(np.mean(probabilities, axis=0, dtype=np.float64), dtype=np.float32)
