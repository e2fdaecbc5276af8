"""Which shard a clip belongs to: by the hash of its id, so that adding videos leaves the others where they are.

Consistent hashing with bounded loads (Mirrokni, Thorup & Zadimoghaddam, SODA 2018): each clip prefers shards in an
order of its own and takes the first that is not full. Nothing here knows of files.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SLACK = 0.05  # a shard may have so much more than its share; less of it moves more clips when videos are added


def assign_shards(clip_ids: Sequence[str], costs: Sequence[float], shards: int) -> NDArray[np.int64]:
    """Return the shard of every clip, the same whatever order the clips are given in.

    Args:
        clip_ids: unique names.
        costs: what each clip takes, in any unit; 0 where that is unknown counts as the mean of the known ones.
        shards: how many there are.

    Returns:
        (clips,) numbers from 0 to shards - 1. No shard has more than its share, `SLACK` and one clip.
    """
    known = [cost for cost in costs if cost > 0]
    usual = sum(known) / len(known) if known else 1.0
    weights = [cost if cost > 0 else usual for cost in costs]
    full = (1 + SLACK) * sum(weights) / shards
    digests = [hashlib.sha256(clip_id.encode()).digest() for clip_id in clip_ids]
    loads = [0.0] * shards
    chosen = np.empty(len(clip_ids), np.int64)
    for index in sorted(range(len(clip_ids)), key=digests.__getitem__):
        shard = _first_with_room(digests[index], loads, full)
        loads[shard] += weights[index]
        chosen[index] = shard
    return chosen


def _first_with_room(digest: bytes, loads: list[float], full: float) -> int:
    """Walk the shards from a clip's own first choice in steps of its own; there is always one below the mean."""
    shards = len(loads)
    first, step = int.from_bytes(digest[:8]), int.from_bytes(digest[8:16])
    for choice in range(shards):
        shard = (first + choice * step) % shards
        if loads[shard] < full:
            return shard
    return min(range(shards), key=loads.__getitem__)  # the steps missed it: they need not visit every shard
