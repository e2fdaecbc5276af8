"""How two feature caches differ: which clips they have, the settings, validity, and the features clip by clip.

Clips are matched by id, whatever their order. Names are held in memory; features are read in blocks, in the order of
the first cache. Both checksums are verified first.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from extract.cache import CacheFile, check_cache, open_cache
from extract.cache_rows import rows_at_once

WORST = 10  # clips that are shown one by one
SHARES = (0.0, 0.001, 0.01, 0.1, 0.5)  # of the clips, the worst ones first; 0: the very worst


@dataclass(frozen=True)
class ClipDifference:
    """One clip: the lowest cosine of its segments, the largest absolute difference of a value."""

    clip_id: str
    cosine: float
    largest: float


@dataclass(frozen=True)
class Quantile:
    """A share of the clips has at most this cosine. The same share, not always the same clips, has this difference."""

    share: float
    cosine: float
    largest: float


@dataclass(frozen=True)
class CacheDifference:
    """How cache B differs from cache A.

    Attributes:
        common: number of clips that both have; the attributes below but `settings` describe them.
        only_in_a: clips that B lacks.
        only_in_b: clips that A lacks.
        valid: clips that are valid in one only.
        num_frames: clips with other numbers of frames.
        features: how many clips' features are not the same bit for bit.
        quantiles: how far apart the features are.
        worst: the clips that are furthest apart, by cosine.
        settings: those that differ, with the values `a` and `b`; a cache that lacks one has no value.
    """

    common: int
    only_in_a: list[str]
    only_in_b: list[str]
    valid: list[str]
    num_frames: list[str]
    features: int
    quantiles: list[Quantile]
    worst: list[ClipDifference]
    settings: dict[str, dict[str, Any]]

    @property
    def same_content(self) -> bool:
        """Tell whether clips, validity, frames and every bit of the features are the same. Settings may differ."""
        return not (self.only_in_a or self.only_in_b or self.valid or self.num_frames or self.features)


def compare_caches(a: Path, b: Path) -> CacheDifference:
    """Compare two caches. A segment that is zero in both has the cosine 1; one that is zero in one cache has 0.

    Raises:
        UserError: a file is missing, damaged or no cache, or their features have different shapes.
    """
    for path in (a, b):
        check_cache(path)
    with open_cache(a) as first, open_cache(b) as second:
        settings = _differing(first.settings, second.settings)
        if first.shape != second.shape:
            raise UserError(
                f"clips of {a} have features {first.shape}, those of {b} {second.shape}: there is nothing to compare; "
                f"settings that differ: {', '.join(settings) or 'none'}"
            )
        names, others = first.column("clip_id"), second.column("clip_id")
        _, in_a, in_b = np.intersect1d(names, others, return_indices=True)
        in_a, in_b = (
            in_a[order := np.argsort(in_a)],
            in_b[order],
        )  # in the order of A: consecutive clips are read together
        cosine, largest, same = _compare_features(first, second, in_a, in_b)
        other = {
            column: names[in_a][first.column(column)[in_a] != second.column(column)[in_b]]
            for column in ("valid", "num_frames")
        }
        worst = [clip for clip in np.lexsort((-largest, cosine)) if not same[clip]][:WORST]
        return CacheDifference(
            common=len(in_a),
            only_in_a=_text(np.delete(names, in_a)),
            only_in_b=_text(np.delete(others, in_b)),
            valid=_text(other["valid"]),
            num_frames=_text(other["num_frames"]),
            features=int((~same).sum()),
            quantiles=[
                Quantile(share, float(np.quantile(cosine, share)), float(np.quantile(largest, 1 - share)))
                for share in SHARES
                if len(in_a)
            ],
            worst=[
                ClipDifference(names[in_a[clip]].decode(), float(cosine[clip]), float(largest[clip])) for clip in worst
            ],
            settings=settings,
        )


def _compare_features(
    first: CacheFile, second: CacheFile, in_a: NDArray[np.int64], in_b: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return for every common clip the lowest cosine, the largest difference, and whether all bits are the same."""
    cosine, largest, same = np.empty(len(in_a)), np.empty(len(in_a)), np.empty(len(in_a), np.bool_)
    at_once = rows_at_once(first.shape)
    for start in range(0, len(in_a), at_once):
        here = slice(start, start + at_once)
        a, b = _features(first, in_a[here]), _features(second, in_b[here])  # (k, N, D)
        same_bits = (a.view(np.uint32) == b.view(np.uint32)).all(2)  # (k, N)
        cosine[here] = np.where(same_bits, 1.0, _cosines(a, b)).min(1)
        largest[here] = np.abs(a.astype(np.float64) - b).max((1, 2))
        same[here] = same_bits.all(1)
    return cosine, largest, same


def _features(file: CacheFile, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Read some clips, (k, N, D). Clips that follow each other in the file are read at once."""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    features = np.concatenate([file.features(int(run[0]), int(run[-1]) + 1) for run in runs])
    if not np.isfinite(features).all():
        raise UserError(f"{file.path} has features that are not finite numbers: no extraction of this project wrote it")
    return features


def _cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosine of every segment, (k, N)."""
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    dot, square_a, square_b = (
        np.einsum("knd,knd->kn", x, y) for x, y in ((wide_a, wide_b), (wide_a, wide_a), (wide_b, wide_b))
    )
    norms = np.sqrt(square_a) * np.sqrt(square_b)
    cosines: NDArray[np.float64] = np.where((square_a == 0) & (square_b == 0), 1.0, 0.0)
    np.divide(dot, norms, out=cosines, where=norms > 0)
    return cosines.clip(-1, 1)


def _differing(a: dict[str, Any], b: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        key: {side: settings[key] for side, settings in (("a", a), ("b", b)) if key in settings}
        for key in sorted(a.keys() | b.keys())
        if key not in a or key not in b or a[key] != b[key]
    }


def _text(names: NDArray[np.bytes_]) -> list[str]:
    return [name.decode() for name in names]
