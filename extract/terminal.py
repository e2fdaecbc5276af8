"""Progress on a terminal: a bar with clips per second and time left. Nothing is printed where nobody looks."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text


class _ClipsPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.2f} clips/s" if task.speed else "")


@contextlib.contextmanager
def clip_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Give a callback (finished, total) that moves a bar of clips."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _ClipsPerSecond(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with _bar(title, *columns) as callback:
        yield callback


@contextlib.contextmanager
def byte_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Give a callback (bytes, all bytes) that moves a bar of a download."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with _bar(title, *columns) as callback:
        yield callback


@contextlib.contextmanager
def _bar(title: str, *columns: ProgressColumn) -> Iterator[Callable[[int, int], None]]:
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=120.0) as progress:
        bar = progress.add_task(title, total=None)

        def move(finished: int, total: int) -> None:
            if progress.tasks[0].total is None:  # what was done before does not count as speed
                progress.reset(bar, total=total, completed=finished - 1)
            progress.update(bar, completed=finished)

        yield move
