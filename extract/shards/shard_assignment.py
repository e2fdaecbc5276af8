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
    digests = b"".join(hashlib.sha256(clip_id.encode()).digest() for clip_id in clip_ids)
    words = np.frombuffer(digests, ">u8").reshape(-1, 4)  # big-endian: they sort as the bytes do
    order = np.lexsort(words.T[::-1])
    firsts, steps = (words[order, :2] % np.uint64(num_shards)).T.tolist()
    loads, chosen = [0.0] * num_shards, []
    for index, first, step in zip(order.tolist(), firsts, steps, strict=True):
        shard = first if loads[first] < full else _first_not_full(first, step, loads, full)
        loads[shard] += weights[index]
        chosen.append(shard)
    shards = np.empty(len(clip_ids), np.int64)
    shards[order] = chosen
    return shards


def _first_not_full(first: int, step: int, loads: list[float], full: float) -> int:
    """Return the first shard with free capacity in a clip's order of preference; one below the mean always exists."""
    num_shards = len(loads)
    for choice in range(num_shards):
        shard = (first + choice * step) % num_shards
        if loads[shard] < full:
            return shard
    return min(range(num_shards), key=loads.__getitem__)  # the steps need not visit every shard
