"""How far ours may be from a published number and still count as the same, in points of accuracy.

A fixed number of points for what the paper leaves open, set before any of these runs had been finished here, plus what
the spread over our seeds explains: a published number is one run, ours the mean of k, so their difference spreads by
std · √(1 + 1/k), and twice that is allowed. Never more than the fixed points again: noise does not make a run right.
What is compared with what: `check`.
"""

import math
from typing import NamedTuple

from evaluate.scoring.summary import Summary


class Tolerance(NamedTuple):
    """Points allowed whatever the spread, and what they are for."""

    points: float
    reason: str


# (protocol, share of training labels); a published row without a line here is not checked.
TOLERANCES = {
    ("ucf101-early-15-3-7", "all"): Tolerance(
        2.0, "which TSM checkpoint, which frames of a segment, τ and the optimiser's settings are not stated"
    ),
    ("ucf101-early-15-3-7", "10%"): Tolerance(
        3.0, "the same, which clips keep their labels, and the lowered weight of the classification loss"
    ),
    ("sysu-xsub-fixed", "all"): Tolerance(
        4.0, "which 20 actors train is not stated; of 240 test clips one is 0.4 points, and their sampling error 2.6"
    ),
    ("sysu-xsub-fixed", "10%"): Tolerance(
        6.0, "the same, which 24 clips keep their labels, and whether the VA-CNN saw the others'"
    ),
    ("ntu60-xsub", "all"): Tolerance(
        3.0,
        "the VA-CNN is trained anew, on pictures and actors that do not look ahead; the paper does not say on which",
    ),
}


def allowed(points: float, ours: Summary, seeds: int) -> float:
    """Return the tolerance of one number in points: the fixed ones, and what the seeds explain, at most as much."""
    spread = 0.0 if ours.std is None else 2 * ours.std * math.sqrt(1 + 1 / seeds)
    return points + min(points, spread)
