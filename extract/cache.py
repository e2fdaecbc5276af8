"""The feature cache: one HDF5 file per backbone and data set, whole or absent, checked when read.

Datasets: features (clips, N, D) float32, clip_id, num_frames, valid. Attributes: settings (JSON, everything that
decides a value) and content_sha256. No labels and no splits: the manifest has them. The same content gives the
same bytes. How the rows come about is in `extract.run`; how two caches differ, in `extract.diff`.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.file_kind import CSV, FOLDER, TEXT, TOML, kind_of
from common.files import atomic_write
from common.hdf5 import open_hdf5, refuse_system_error

BLOCK_BYTES = 4 << 20  # of rows read or written at once: a call of HDF5 takes 75 µs, however little it carries


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
class Rows:
    """Clips of the cache that follow each other, as columns.

    Attributes:
        features: (k, N, D) float32.
        clip_id: names, in the manifest's order.
        num_frames: (k,) decoded frames.
        valid: (k,) False where a clip failed; its features are zeros.
    """

    features: NDArray[np.float32]
    clip_id: list[str]
    num_frames: NDArray[np.int64]
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class Cache(Rows):
    """A whole feature cache in memory, its checksum verified.

    Attributes:
        settings: everything that decides a value.
        content_sha256: fingerprint of rows and settings.
    """

    settings: dict[str, Any]
    content_sha256: str


@dataclass(frozen=True)
class CacheFacts:
    """What is said of a cache whose checksum was verified: `valid` of `clips` have (segments, feature_dim) features."""

    clips: int
    valid: int
    segments: int
    feature_dim: int
    content_sha256: str
    settings: dict[str, Any]


def rows_at_once(shape: tuple[int, int]) -> int:
    """Return how many clips of features (N, D) make a block: with each go its name and what Python adds to that."""
    return max(1, BLOCK_BYTES // (4 * shape[0] * shape[1] + 1024))


def write_cache(
    path: Path, rows: Iterable[Row], clip_ids: list[str], shape: tuple[int, int], settings: dict[str, Any]
) -> None:
    """Write a cache atomically, a block of rows at a time: memory does not grow with the number of clips.

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
        left, at_once = iter(rows), rows_at_once(shape)
        for start in range(0, count, at_once):
            block = _gather(islice(left, at_once), min(at_once, count - start), shape)
            here = slice(start, start + len(block.clip_id))
            features[here] = block.features
            names[here] = np.array([clip_id.encode() for clip_id in block.clip_id], names.dtype)
            num_frames[here], valid[here] = block.num_frames, block.valid
            _digest_rows(digest, block)
        file.attrs["settings"] = json.dumps(settings, sort_keys=True)
        file.attrs["content_sha256"] = digest.hexdigest()


class CacheFile:
    """An open cache that is read in blocks of rows. Its checksum is `check_cache`'s business.

    Attributes:
        path: of the file.
        clips: how many.
        shape: (N, D) of a clip's features.
        settings: everything that decides a value.
        content_sha256: the fingerprint it was written with.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path, self._file = path, file
        if "features" not in file:
            raise UserError(f"{path} is an HDF5 file and not a feature cache: it has no features; give another file")
        clips, segments, feature_dim = file["features"].shape
        if any(file[name].shape != (clips,) for name in ("clip_id", "num_frames", "valid")):
            raise ValueError("its columns differ in length")
        self.clips: int = clips
        self.shape: tuple[int, int] = (segments, feature_dim)
        self.settings: dict[str, Any] = json.loads(file.attrs["settings"])
        self.content_sha256 = str(file.attrs["content_sha256"])

    def features(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read the features of clips `start` to `stop` - 1, (stop - start, N, D)."""
        with _whole(self.path):
            return np.asarray(self._file["features"][start:stop], np.float32)

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Read `clip_id` (as UTF-8), `num_frames` or `valid`, of all clips or of `start` to `stop` - 1."""
        with _whole(self.path):
            return np.asarray(self._file[name][start:stop])

    def rows(self, start: int, stop: int) -> Rows:
        """Read clips `start` to `stop` - 1."""
        names, num_frames, valid = (self.column(name, start, stop) for name in ("clip_id", "num_frames", "valid"))
        with _whole(self.path):
            return Rows(self.features(start, stop), [name.decode() for name in names], num_frames, valid)


@contextlib.contextmanager
def open_cache(path: Path) -> Iterator[CacheFile]:
    """Open a cache to read it in blocks.

    Raises:
        UserError: no such file, or not a cache.
    """
    kind = kind_of(path)
    if kind in (FOLDER, CSV, TOML, TEXT):
        raise UserError(f"{path} is not a feature cache but {kind}; give the .h5 that `python -m extract run` made")
    with contextlib.ExitStack() as stack:
        with _whole(path):
            cache = CacheFile(path, stack.enter_context(open_hdf5(path)))
        yield cache


def read_cache(path: Path) -> Cache:
    """Read a whole cache into memory and verify its checksum.

    Raises:
        UserError: no such file, not a cache, or its content is not what was written.
    """
    with open_cache(path) as file:
        digest, rows = _start_digest(file.settings), file.rows(0, file.clips)
        _digest_rows(digest, rows)
        _refuse_damaged(file, digest)
        return Cache(**vars(rows), settings=file.settings, content_sha256=file.content_sha256)


def check_cache(path: Path) -> CacheFacts:
    """Verify the checksum of a cache that need not fit into memory.

    Raises:
        UserError: no such file, not a cache, or its content is not what was written.
    """
    with open_cache(path) as file:
        digest, valid, at_once = _start_digest(file.settings), 0, rows_at_once(file.shape)
        for start in range(0, file.clips, at_once):
            rows = file.rows(start, start + at_once)
            _digest_rows(digest, rows)
            valid += int(rows.valid.sum())
        _refuse_damaged(file, digest)
        return CacheFacts(file.clips, valid, *file.shape, file.content_sha256, file.settings)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Turn what HDF5 says of a file that is missing, cannot be read or is not a whole cache into a sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"no feature cache {path}; `python -m extract run` makes it") from error
    except (OSError, LookupError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        refuse_system_error(path, error)
        raise UserError(f"{path} is not a whole feature cache ({error}); merge it again") from error


def _open_with_room(path: Path, size: int) -> h5py.File:
    """Open a new HDF5 file where `size` bytes fit; HDF5 itself crashes the process when the disk fills up."""
    if hasattr(os, "posix_fallocate"):
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    return open_hdf5(path, "w")


def _gather(rows: Iterable[Row], count: int, shape: tuple[int, int]) -> Rows:
    """Copy at most `count` rows into columns, one by one: each may be a view that keeps a whole part in memory."""
    features = np.empty((count, *shape), np.float32)
    clip_ids, num_frames, valid = [], [], []
    for index, row in enumerate(rows):
        features[index] = row.features
        clip_ids.append(row.clip_id)
        num_frames.append(row.num_frames)
        valid.append(row.valid)
    return Rows(features[: len(clip_ids)], clip_ids, np.array(num_frames, np.int64), np.array(valid, np.bool_))


def _start_digest(settings: dict[str, Any]) -> "hashlib._Hash":
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode())


def _digest_rows(digest: "hashlib._Hash", rows: Rows) -> None:
    for clip_id, features, frames, valid in zip(rows.clip_id, rows.features, rows.num_frames, rows.valid, strict=True):
        _digest_row(digest, Row(clip_id, features, int(frames), bool(valid)))


def _digest_row(digest: "hashlib._Hash", row: Row) -> None:
    digest.update(f"\n{row.clip_id} {row.num_frames} {int(row.valid)} ".encode())
    digest.update(np.ascontiguousarray(row.features, dtype="<f4").tobytes())


def _refuse_damaged(file: CacheFile, digest: "hashlib._Hash") -> None:
    if digest.hexdigest() != file.content_sha256:
        raise UserError(
            f"{file.path} is damaged: its content does not have the checksum it was written with; merge it again"
        )
