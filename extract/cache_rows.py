"""Rows of a feature cache, and the checksum of its content. `cache` reads caches, `cache_writer` writes them."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 4 << 20  # of rows read or written at once: a call of HDF5 takes 75 µs, whatever its size


@dataclass(frozen=True)
class Row:
    """One clip of the cache.

    Attributes:
        clip_id: its name.
        features: (N, D) float32; zeros where the clip failed.
        num_frames: decoded frames; 0 where the clip failed.
        valid: False where the clip failed.
        num_segments: M, how many of the N segments the clip has, if segments last a fixed time; 0 where it failed. The
            other features are zeros. None: every clip has N.
    """

    clip_id: str
    features: NDArray[np.float32]
    num_frames: int
    valid: bool
    num_segments: int | None = None


@dataclass(frozen=True)
class Rows:
    """Consecutive clips of the cache, as columns.

    Attributes:
        features: (k, N, D) float32.
        clip_id: names, in the manifest's order.
        num_frames: (k,) decoded frames.
        valid: (k,) False where a clip failed; its features are zeros.
        num_segments: (k,) how many segments each clip has, see `Row`; None: all have N.
    """

    features: NDArray[np.float32]
    clip_id: list[str]
    num_frames: NDArray[np.int64]
    valid: NDArray[np.bool_]
    num_segments: NDArray[np.int64] | None = field(default=None, kw_only=True)


def rows_at_once(shape: tuple[int, int]) -> int:
    """Return how many clips of features (N, D) make a block, their names and Python's own overhead included."""
    return max(1, BLOCK_BYTES // (4 * shape[0] * shape[1] + 1024))


def start_digest(settings: dict[str, Any]) -> "hashlib._Hash":
    """Return the checksum of a cache with these settings and no rows yet."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode())


def digest_rows(digest: "hashlib._Hash", rows: Rows) -> None:
    """Add rows to a checksum."""
    counts = [None] * len(rows.clip_id) if rows.num_segments is None else rows.num_segments.tolist()
    columns = rows.clip_id, rows.features, rows.num_frames, rows.valid, counts
    for clip_id, features, frames, valid, count in zip(*columns, strict=True):
        _digest_row(digest, Row(clip_id, features, int(frames), bool(valid), count))


def _digest_row(digest: "hashlib._Hash", row: Row) -> None:
    digest.update(f"\n{row.clip_id} {row.num_frames} {int(row.valid)} ".encode())
    if row.num_segments is not None:
        digest.update(f"{row.num_segments} ".encode())
    digest.update(np.ascontiguousarray(row.features, dtype="<f4").tobytes())
