"""Predict, score, compare, draw and report; and reproduce a recipe from raw videos to the results table.

The public names are imported when they are first used, so that `import evaluate` does not load torch.
"""

from typing import TYPE_CHECKING

from common.lazy import lazy_names

if TYPE_CHECKING:
    from evaluate.api import Reproduction, ScoredPredictions, reproduce, score

__all__ = ["Reproduction", "ScoredPredictions", "reproduce", "score"]

__getattr__ = lazy_names(__name__, dict.fromkeys(__all__, "evaluate.api"))
