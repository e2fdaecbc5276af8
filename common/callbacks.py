"""The two types of callback that long-running functions take: for progress, and for sentences to the user."""

from collections.abc import Callable

ProgressCallback = Callable[[int, int], None]  # (done, total)
Notify = Callable[[str], None]  # takes a sentence


def no_progress(done: int, total: int) -> None:
    """Ignore progress. This is the default of functions that take a `ProgressCallback`."""


def in_megabytes(progress: ProgressCallback) -> ProgressCallback:
    """Return a progress callback that takes bytes and gives `progress` megabytes."""
    return lambda done, total: progress(done // 10**6, total // 10**6)


def no_notice(sentence: str) -> None:
    """Ignore a sentence. This is the default of functions that take a `Notify`."""
