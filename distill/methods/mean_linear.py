"""The simplest method: a linear classifier on the mean feature of segments 1…n, with cross-entropy at every level.

It ignores the order of the segments, so it shows what the recurrent methods gain.
"""

from distill.method import HiddenSizes, Method
from distill.methods.without_distillation import WITHOUT


def _no_units(sizes: HiddenSizes) -> int:
    return 0


MEAN_LINEAR = Method(
    title="Cumulative mean + linear",
    network="cumulative_mean",
    hidden=_no_units,
    loss=WITHOUT.loss,
    takes_lengths=True,
    takes_drawn_ratios=True,
)
