"""Random numbers that depend on (seed, epoch) only.

So a training resumes with the same bits, and no state of a generator has to be saved.
"""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch


def derive_seed(*parts: int) -> int:
    """Return a 64-bit seed from (seed, epoch, …); epoch 0 is for the initial weights."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])


@contextlib.contextmanager
def random_state(seed: int, epoch: int, device: torch.device) -> Iterator[None]:
    """Seed torch's generators inside a `with` block, and restore the caller's random state afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(derive_seed(seed, epoch))
        yield
