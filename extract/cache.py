"""The feature cache: one HDF5 file per backbone and data set, complete or absent, verified when it is read.

Datasets: features (clips, N, D) float32, clip_id, num_frames, valid. If segments last a fixed time there is also
num_segments, how many segments each clip has; its other features are zeros. Attributes: settings (JSON, everything that
decides a value) and content_sha256. A cache has no labels and no splits: the manifest has them. `cache_writer` writes
it, `diff` compares two.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from common.callbacks import ProgressCallback, no_progress
from common.errors import UserError
from common.file_kind import CSV, FOLDER, TEXT, TOML, kind_of
from common.hdf5 import open_hdf5, refuse_system_error
from extract.cache_rows import Rows, digest_rows, rows_at_once, start_digest

if TYPE_CHECKING:
    import hashlib


@dataclass(frozen=True)
class Cache(Rows):
    """A whole feature cache in memory, its checksum verified.

    Attributes:
        settings: everything that decides a value.
        content_sha256: checksum of rows and settings.
    """

    settings: dict[str, Any]
    content_sha256: str


@dataclass(frozen=True)
class CacheFacts:
    """Facts of a cache whose checksum was verified: `valid` of `clips` have (segments, feature_dim) features."""

    clips: int
    valid: int
    segments: int
    feature_dim: int
    content_sha256: str
    settings: dict[str, Any]


class CacheFile:
    """An open cache that is read in blocks of rows. Its checksum is not verified here, see `check_cache`.

    Attributes:
        path: of the file.
        clips: number of clips.
        shape: (N, D) of a clip's features.
        settings: everything that decides a value.
        content_sha256: the checksum it was written with.
        has_lengths: it has the column `num_segments`.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path, self._file = path, file
        if "features" not in file:
            raise UserError(f"{path} is an HDF5 file and not a feature cache: it has no features; give another file")
        clips, num_segments, feature_dim = file["features"].shape
        self.has_lengths = "num_segments" in file
        columns = ["clip_id", "num_frames", "valid", *(["num_segments"] if self.has_lengths else [])]
        if any(file[name].shape != (clips,) for name in columns):
            raise ValueError("its columns differ in length")
        self.clips: int = clips
        self.shape: tuple[int, int] = (num_segments, feature_dim)
        self.settings: dict[str, Any] = json.loads(file.attrs["settings"])
        self.content_sha256 = str(file.attrs["content_sha256"])

    def features(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read the features of clips `start` to `stop` - 1, (stop - start, N, D)."""
        with _as_user_error(self.path):
            return np.asarray(self._file["features"][start:stop], np.float32)

    def column(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Read `clip_id` (as UTF-8), `num_frames`, `valid` or `num_segments`, of all clips or `start` to `stop` - 1."""
        with _as_user_error(self.path):
            return np.asarray(self._file[name][start:stop])

    def rows(self, start: int, stop: int) -> Rows:
        """Read clips `start` to `stop` - 1."""
        names, num_frames, valid = (self.column(name, start, stop) for name in ("clip_id", "num_frames", "valid"))
        counts = self.column("num_segments", start, stop) if self.has_lengths else None
        with _as_user_error(self.path):
            return Rows(
                self.features(start, stop), [name.decode() for name in names], num_frames, valid, num_segments=counts
            )


@contextlib.contextmanager
def open_cache(path: Path) -> Iterator[CacheFile]:
    """Open a cache to read it in blocks.

    Raises:
        UserError: the file does not exist or is no cache.
    """
    kind = kind_of(path)
    if kind in (FOLDER, CSV, TOML, TEXT):
        raise UserError(f"{path} is not a feature cache but {kind}; give the .h5 that `python -m extract run` made")
    with contextlib.ExitStack() as stack:
        with _as_user_error(path):
            cache = CacheFile(path, stack.enter_context(open_hdf5(path)))
        yield cache


def read_cache(path: Path) -> Cache:
    """Read a whole cache into memory and verify its checksum.

    Raises:
        UserError: the file does not exist, is no cache, or does not have the checksum it was written with.
    """
    with open_cache(path) as file:
        digest, rows = start_digest(file.settings), file.rows(0, file.clips)
        digest_rows(digest, rows)
        _refuse_damaged(file, digest)
        return Cache(**vars(rows), settings=file.settings, content_sha256=file.content_sha256)


def check_cache(path: Path, progress: ProgressCallback = no_progress) -> CacheFacts:
    """Verify the checksum of a cache block by block; it may be larger than the memory.

    Args:
        path: of the cache.
        progress: called with the number of clips that are read and of all clips.

    Raises:
        UserError: the file does not exist, is no cache, or does not have the checksum it was written with.
    """
    with open_cache(path) as file:
        digest, valid, at_once = start_digest(file.settings), 0, rows_at_once(file.shape)
        for start in range(0, file.clips, at_once):
            rows = file.rows(start, start + at_once)
            digest_rows(digest, rows)
            valid += int(rows.valid.sum())
            progress(min(start + at_once, file.clips), file.clips)
        _refuse_damaged(file, digest)
        return CacheFacts(file.clips, valid, *file.shape, file.content_sha256, file.settings)


@contextlib.contextmanager
def _as_user_error(path: Path) -> Iterator[None]:
    """Turn the error of HDF5 into a `UserError`, where a file is missing, unreadable or no complete cache."""
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"no feature cache {path}; `python -m extract run` makes it") from error
    except (OSError, LookupError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        refuse_system_error(path, error)
        raise UserError(f"{path} is not a whole feature cache ({error}); merge it again") from error


def _refuse_damaged(file: CacheFile, digest: "hashlib._Hash") -> None:
    if digest.hexdigest() != file.content_sha256:
        raise UserError(
            f"{file.path} is damaged: its content does not have the checksum it was written with; merge it again"
        )
