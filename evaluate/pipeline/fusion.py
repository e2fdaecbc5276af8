"""Which students a recipe has: what each sees of the streams, and what is averaged over them (late fusion).

Early fusion joins features (`distill.early_fusion`), late fusion averages the probabilities of students that were
trained on one stream each; "compare" has every stream alone, and both. No training and no files here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill.early_fusion import join_caches
from distill.methods import METHODS
from extract.cache import Cache
from manifests.recipes.recipe import Recipe

LATE = "late fusion"


@dataclass(frozen=True)
class Source:
    """What a teacher and its students see: one stream, or all of them joined.

    Attributes:
        name: in the names of its methods; empty where there is nothing to tell it from.
        folder: of its runs among the runs and of its predictions among the predictions; empty: right in there.
        cache: the features.
        caches: content_sha256 and settings of the caches they come from, by stream.
        in_table: its methods are rows of the table; else they are only averaged.
    """

    name: str
    folder: PurePath
    cache: Cache
    caches: Mapping[str, Mapping[str, Any]]
    in_table: bool = True


def sources(recipe: Recipe, caches: Mapping[str, Cache]) -> list[Source]:
    """Return what the students of a recipe see, in the order of the table: streams alone, then joined."""
    about = {
        name: {"content_sha256": cache.content_sha256, "settings": cache.settings} for name, cache in caches.items()
    }
    if len(caches) == 1:
        return [Source("", PurePath(), next(iter(caches.values())), about)]
    alone = [
        Source(name, PurePath(name), cache, {name: about[name]}, in_table=recipe.fusion == "compare")
        for name, cache in caches.items()
    ]
    if recipe.fusion == "late":
        return alone
    joined = Source("early fusion", PurePath(), join_caches(caches), about)
    return [joined] if recipe.fusion == "early" else [*alone, joined]


def method_name(method: str, source: str) -> str:
    """Return what a method on a source is called in tables and figures: `With distillation, early fusion`."""
    title = METHODS[method].title
    return f"{title}, {source}" if source else title


def average(probabilities: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean of what the students of several streams say of the same clips, each (clips, N, C)."""
    return np.asarray(np.mean(probabilities, axis=0, dtype=np.float64), dtype=np.float32)
