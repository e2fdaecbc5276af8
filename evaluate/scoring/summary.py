"""Mean and standard deviation of one number over the seeds of a method, in per cent."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evaluate.scoring.metrics import mean_and_std


class Summary(NamedTuple):
    """A number in per cent and its sample standard deviation over seeds (None: one seed, or a published number)."""

    mean: float
    std: float | None = None


def summarise(runs: Sequence[float]) -> Summary:
    """Return the mean and the standard deviation over seeds in per cent.

    Args:
        runs: one fraction per seed.
    """
    mean, std = mean_and_std(100 * np.asarray(runs, dtype=np.float64))
    return Summary(float(mean), None if std is None else float(std))
