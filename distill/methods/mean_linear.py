"""The simplest of all: one linear classifier on the mean feature of the segments so far, cross-entropy at every level.

What the recurrent methods have to beat: it knows no order of the segments.
"""

from distill.method import HiddenSizes, Method
from distill.methods.without_distillation import WITHOUT


def _no_units(sizes: HiddenSizes) -> int:
    return 0


MEAN_LINEAR = Method(title="Cumulative mean + linear", network="cumulative_mean", hidden=_no_units, loss=WITHOUT.loss)
