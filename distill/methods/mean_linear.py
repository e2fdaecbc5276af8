"""The simplest of all: one linear classifier on the mean feature of the segments so far, cross-entropy at every level.

What the recurrent methods have to beat: it knows no order of the segments.
"""

from distill.method import Method
from distill.methods.without_distillation import WITHOUT
from manifests.recipes.recipe import Recipe


def _no_units(recipe: Recipe) -> int:
    return 0


MEAN_LINEAR = Method("Cumulative mean + linear", "cumulative_mean", _no_units, WITHOUT.loss)
