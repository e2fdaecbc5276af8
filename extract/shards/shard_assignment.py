"""Which shard a clip belongs to. The hash of its id decides, so other clips keep their shards when videos are added.

The method is consistent hashing with bounded loads (Mirrokni, Thorup & Zadimoghaddam, SODA 2018): each clip has an
order of preference over the shards and takes the first shard that is not full.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SLACK = 0.05  # a shard may exceed its share by this fraction; a smaller one moves more clips when videos are added


def assign_shards(clip_ids: Sequence[str], costs: Sequence[float], num_shards: int) -> NDArray[np.int64]:
    """Return the shard of every clip. The order of the clips does not matter.

    Args:
        clip_ids: unique names.
        costs: the work of each clip, in any unit; 0: unknown, and counted as the mean of the known ones.
        num_shards: number of shards.

    Returns:
        (clips,) numbers from 0 to `num_shards` - 1. No shard has more than its share, `SLACK` and one clip.
    """
    known = [cost for cost in costs if cost > 0]
    usual = sum(known) / len(known) if known else 1.0
    weights = [cost if cost > 0 else usual for cost in costs]
    full = (1 + SLACK) * sum(weights) / num_shards
    digests = [hashlib.sha256(clip_id.encode()).digest() for clip_id in clip_ids]
    loads = [0.0] * num_shards
    chosen = np.empty(len(clip_ids), np.int64)
    for index in sorted(range(len(clip_ids)), key=digests.__getitem__):
        shard = _first_not_full(digests[index], loads, full)
        loads[shard] += weights[index]
        chosen[index] = shard
    return chosen


def _first_not_full(digest: bytes, loads: list[float], full: float) -> int:
    """Return the first shard with free capacity in a clip's order of preference; one below the mean always exists."""
    num_shards = len(loads)
    first, step = int.from_bytes(digest[:8]), int.from_bytes(digest[8:16])
    for choice in range(num_shards):
        shard = (first + choice * step) % num_shards
        if loads[shard] < full:
            return shard
    return min(range(num_shards), key=loads.__getitem__)  # the steps need not visit every shard
