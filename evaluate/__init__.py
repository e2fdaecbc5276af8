"""Reproduce a recipe from raw videos to the results table; score, compare and report; recognise recordings and streams.

The public names are imported when they are first used, so that `import evaluate` does not load torch.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluate.api import Reproduction, ScoredPredictions, decide, reproduce, score, store_rule
    from evaluate.live.recogniser import Recogniser
    from evaluate.live.recognition import Recognition
    from evaluate.watch.watch_settings import WatchSettings
    from evaluate.watch.watcher import Watcher

__all__ = [
    "Recogniser",
    "Recognition",
    "Reproduction",
    "ScoredPredictions",
    "WatchSettings",
    "Watcher",
    "decide",
    "reproduce",
    "score",
    "store_rule",
]

_MODULES = {
    "Recogniser": "evaluate.live.recogniser",
    "Recognition": "evaluate.live.recognition",
    "WatchSettings": "evaluate.watch.watch_settings",
    "Watcher": "evaluate.watch.watcher",
}


def __getattr__(name: str) -> object:
    from common.lazy import find_name  # here, because `early_recognition` first checks whose package `common` is

    return find_name(__name__, {**dict.fromkeys(__all__, "evaluate.api"), **_MODULES}, name)
