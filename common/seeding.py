"""Everything random of an epoch from (seed, epoch) alone: a training goes on bit for bit, with no generator kept."""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch


def derive_seed(*parts: int) -> int:
    """Return a 64-bit seed from (seed, epoch, …); epoch 0 is the initial weights."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])


@contextlib.contextmanager
def random_state(seed: int, epoch: int, device: torch.device) -> Iterator[None]:
    """Seed torch's own generators for a while, and leave the caller's stream of random numbers as it was."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(derive_seed(seed, epoch))
        yield
