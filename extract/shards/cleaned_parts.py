"""The features of parts that `clean` has removed: they are read from the cache, and the parts are made again of them.

That is needed when clips are added to a cleaned run, or when failed clips are tried again: the new cache is merged of
all parts.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.files import atomic_write, sha256_of, write_text
from common.tensor_bytes import tensor_bytes
from extract.cache import CacheFile, open_cache
from extract.shards.checked_json import dump_checked
from extract.shards.cleaned_record import remove_cleaned
from extract.shards.run_folder import RunFolder
from extract.shards.shard_folder import read_part_record


def rows_of_clips(cache: CacheFile) -> dict[str, int]:
    """Return the row of each clip that has features."""
    names, valid = cache.column("clip_id"), cache.column("valid")
    return {name.decode(): row for row, name in enumerate(names) if valid[row]}


def features_of(cache: CacheFile, clip_ids: Iterable[str], rows: Mapping[str, int]) -> NDArray[np.float32] | None:
    """Return the features of some clips, (k, N, D); None if the cache lacks one of them."""
    wanted = [rows.get(clip_id, -1) for clip_id in clip_ids]
    if not wanted or -1 in wanted:
        return None
    return np.concatenate([cache.features(row, row + 1) for row in wanted])


def restore_parts(run: RunFolder) -> None:
    """Make the parts that `clean` has removed again, of the features in the cache.

    Nothing is done where the cache is not the one of which they were removed: they are damaged then. Only the holder
    of the merge lock may call this.

    Raises:
        UserError: the disk is full.
    """
    removed = [
        record
        for shard in run.shards()
        for record in shard.records()
        if not record.with_suffix(".safetensors").exists() and run.is_cleaned(record)
    ]
    if not removed:
        return
    with open_cache(run.cache) as cache:
        rows = rows_of_clips(cache)
        for path in removed:
            features = features_of(cache, read_part_record(path)["clip_id"], rows)
            if features is not None:
                _write_part(path, features)
    remove_cleaned(run.folder)
    run.reread()


def _write_part(path: Path, features: NDArray[np.float32]) -> None:
    """Write the part of a completion record, and the record too if this version writes other bytes."""
    part, record = path.with_suffix(".safetensors"), read_part_record(path)
    with atomic_write(part) as temporary:
        temporary.write_bytes(tensor_bytes({"features": features}))
    if (sha256 := sha256_of(part)) != record["part_sha256"]:
        write_text(path, dump_checked({**record, "part_sha256": sha256}))
