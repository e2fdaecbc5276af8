"""Predict, score, compare, draw and report; and reproduce a recipe from raw videos to the results table.

The public names are imported when they are first used, so that `import evaluate` does not load torch.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluate.api import Reproduction, ScoredPredictions, reproduce, score

__all__ = ["Reproduction", "ScoredPredictions", "reproduce", "score"]


def __getattr__(name: str) -> object:
    from common.lazy import find_name  # here, because `early_recognition` first checks whose package `common` is

    return find_name(__name__, dict.fromkeys(__all__, "evaluate.api"), name)
