"""The feature cache: one HDF5 file per backbone and data set, whole or absent, checked when read.

Datasets: features (clips, N, D) float32, clip_id, num_frames, valid. Attributes: settings (JSON, everything that
decides a value) and content_sha256. No labels and no splits: the manifest has them. The same content gives the
same bytes. How the rows come about is in `extract.run` and `extract.parts`.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from manifests.errors import UserError
from manifests.files import atomic_write


@dataclass(frozen=True)
class Row:
    """One clip of the cache.

    Attributes:
        features: (N, D) float32; zeros where the clip failed.
        num_frames: decoded frames; 0 where the clip failed.
        valid: False where the clip failed.
    """

    clip_id: str
    features: NDArray[np.float32]
    num_frames: int
    valid: bool


@dataclass(frozen=True)
class Cache:
    """A feature cache in memory, its checksum verified.

    Attributes:
        features: (clips, N, D) float32.
        clip_id: names, in the manifest's order.
        num_frames: (clips,) decoded frames.
        valid: (clips,) False where a clip failed; its features are zeros.
        settings: everything that decides a value.
        content_sha256: fingerprint of all of the above.
    """

    features: NDArray[np.float32]
    clip_id: list[str]
    num_frames: NDArray[np.int64]
    valid: NDArray[np.bool_]
    settings: dict[str, Any]
    content_sha256: str


def write_cache(
    path: Path, rows: Iterable[Row], clip_ids: list[str], shape: tuple[int, int], settings: dict[str, Any]
) -> None:
    """Write a cache atomically, a row at a time: memory does not grow with the number of clips.

    Args:
        path: where it goes.
        rows: one for each of `clip_ids`, in their order.
        clip_ids: names of all clips.
        shape: (N, D) of a row's features.
        settings: everything that decides a value.
    """
    count = len(clip_ids)
    width = max(len(clip_id.encode()) for clip_id in clip_ids)
    digest = _start_digest(settings)
    room = count * (4 * shape[0] * shape[1] + width + 9) + (1 << 17)  # the rows, and the rest with room to spare
    with atomic_write(path) as temporary, _open_with_room(temporary, room) as file:
        features = file.create_dataset("features", (count, *shape), np.float32)
        names = file.create_dataset("clip_id", (count,), h5py.string_dtype("utf-8", width))
        num_frames = file.create_dataset("num_frames", (count,), np.int64)
        valid = file.create_dataset("valid", (count,), np.bool_)
        for index, row in enumerate(rows):
            features[index], names[index] = row.features, row.clip_id.encode()
            num_frames[index], valid[index] = row.num_frames, row.valid
            _digest_row(digest, row)
        file.attrs["settings"] = json.dumps(settings, sort_keys=True)
        file.attrs["content_sha256"] = digest.hexdigest()


def read_cache(path: Path) -> Cache:
    """Read a cache and verify its checksum.

    Raises:
        UserError: no such file, not a cache, or its content is not what was written.
    """
    try:
        with h5py.File(path, "r") as file:
            cache = Cache(
                features=file["features"][:],
                clip_id=[name.decode() for name in file["clip_id"][:]],
                num_frames=file["num_frames"][:],
                valid=file["valid"][:],
                settings=json.loads(file.attrs["settings"]),
                content_sha256=str(file.attrs["content_sha256"]),
            )
    except FileNotFoundError as error:
        raise UserError(f"no feature cache {path}; `python -m extract run` makes it") from error
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise UserError(f"{path} is not a whole feature cache ({error}); merge it again") from error
    digest = _start_digest(cache.settings)
    columns = zip(cache.clip_id, cache.features, cache.num_frames, cache.valid, strict=True)
    for clip_id, features, num_frames, valid in columns:
        _digest_row(digest, Row(clip_id, features, int(num_frames), bool(valid)))
    if digest.hexdigest() != cache.content_sha256:
        raise UserError(
            f"{path} is damaged: its content does not have the checksum it was written with; merge it again"
        )
    return cache


def _open_with_room(path: Path, size: int) -> h5py.File:
    """Open a new HDF5 file where `size` bytes fit; HDF5 itself crashes the process when the disk fills up."""
    if hasattr(os, "posix_fallocate"):
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    return h5py.File(path, "w")  # starts empty


def _start_digest(settings: dict[str, Any]) -> "hashlib._Hash":
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode())


def _digest_row(digest: "hashlib._Hash", row: Row) -> None:
    digest.update(f"\n{row.clip_id} {row.num_frames} {int(row.valid)} ".encode())
    digest.update(np.ascontiguousarray(row.features, dtype="<f4").tobytes())
