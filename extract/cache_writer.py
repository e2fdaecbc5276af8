"""Write a feature cache: the whole file or nothing, and the same bytes for the same content."""

import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np

from common.files import atomic_write
from common.hdf5 import open_hdf5
from extract.cache_rows import Row, Rows, digest_rows, rows_at_once, start_digest


class ClipNames(Protocol):
    """The names of clips: a list, or an object that reads them in pieces each time."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[str]: ...


def write_cache(
    path: Path, rows: Iterable[Row], clip_ids: ClipNames, shape: tuple[int, int], settings: dict[str, Any]
) -> None:
    """Write a cache atomically, a block of rows at a time: memory does not grow with the number of clips.

    Args:
        path: the HDF5 file.
        rows: one for each of `clip_ids`, in their order.
        clip_ids: names of all clips.
        shape: (N, D) of a row's features.
        settings: everything that decides a value.
    """
    count = len(clip_ids)
    width = max(len(clip_id.encode()) for clip_id in clip_ids)
    digest = start_digest(settings)
    columns = 17 if "segment_seconds" in settings else 9  # bytes of the other columns of a row
    size = count * (4 * shape[0] * shape[1] + width + columns) + (
        1 << 17
    )  # the rows, and more than enough for the rest
    with atomic_write(path) as temporary, _open_with_space(temporary, size) as file:
        features = file.create_dataset("features", (count, *shape), np.float32)
        names = file.create_dataset("clip_id", (count,), h5py.string_dtype("utf-8", width))
        num_frames = file.create_dataset("num_frames", (count,), np.int64)
        valid = file.create_dataset("valid", (count,), np.bool_)
        counts = None
        left, at_once = iter(rows), rows_at_once(shape)
        for start in range(0, count, at_once):
            block = _gather(islice(left, at_once), min(at_once, count - start), shape)
            here = slice(start, start + len(block.clip_id))
            features[here] = block.features
            names[here] = np.array([clip_id.encode() for clip_id in block.clip_id], names.dtype)
            num_frames[here], valid[here] = block.num_frames, block.valid
            if block.num_segments is not None:
                if counts is None:
                    counts = file.create_dataset("num_segments", (count,), np.int64)
                counts[here] = block.num_segments
            digest_rows(digest, block)
        file.attrs["settings"] = json.dumps(settings, sort_keys=True)
        file.attrs["content_sha256"] = digest.hexdigest()


def _open_with_space(path: Path, size: int) -> h5py.File:
    """Open a new HDF5 file after `size` bytes are reserved; HDF5 itself crashes the process when the disk is full."""
    if hasattr(os, "posix_fallocate"):
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    return open_hdf5(path, "w")


def _gather(rows: Iterable[Row], count: int, shape: tuple[int, int]) -> Rows:
    """Copy at most `count` rows into columns, one by one: each may be a view that keeps a whole part in memory."""
    features = np.empty((count, *shape), np.float32)
    clip_ids, num_frames, valid, counts = [], [], [], []
    for index, row in enumerate(rows):
        features[index] = row.features
        clip_ids.append(row.clip_id)
        num_frames.append(row.num_frames)
        valid.append(row.valid)
        counts.append(row.num_segments)
    lengths = None if None in counts else np.array(counts, np.int64)
    columns = np.array(num_frames, np.int64), np.array(valid, np.bool_)
    return Rows(features[: len(clip_ids)], clip_ids, *columns, num_segments=lengths)
