"""The two kinds of callback that long work takes: one for progress, one for sentences to the user."""

from collections.abc import Callable

ProgressCallback = Callable[[int, int], None]  # (done, total)
Notify = Callable[[str], None]  # takes a sentence


def no_progress(done: int, total: int) -> None:
    """Ignore progress."""


def no_notice(sentence: str) -> None:
    """Ignore a sentence."""
