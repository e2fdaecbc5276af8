"""The one-euro filter against its formulas, one number at a time."""

import math
from itertools import pairwise

import numpy as np

from extract.poses.smoothing import OneEuroFilter


def slow(values: list[float], scale: float) -> list[float]:
    def share(cutoff: float) -> float:
        return 1 / (1 + 1 / (2 * math.pi * cutoff) / (1 / 30))

    result, speed = [values[0]], 0.0
    for before, value in pairwise(values):
        speed = share(1.0) * (value - before) / scale * 30 + (1 - share(1.0)) * speed
        alpha = share(0.01 + 10 * abs(speed))
        result.append(alpha * value + (1 - alpha) * result[-1])
    return result


def test_each_value_is_filtered_by_the_formulas() -> None:
    values = np.random.default_rng(0).normal(0, 50, (12, 2, 2)).cumsum(axis=0)
    smooth = OneEuroFilter()
    found = np.stack([smooth(each, 80.0) for each in values])
    for place in np.ndindex(2, 2):
        np.testing.assert_allclose(found[(slice(None), *place)], slow(values[(slice(None), *place)].tolist(), 80.0))
