"""Progress on a terminal: bars with a rate and the time left. Nothing is drawn where nobody looks."""

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

from common.callbacks import ProgressCallback


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.2f} {task.fields['unit']}/s" if task.speed else "")


@contextlib.contextmanager
def progress_bars() -> Iterator[Callable[[str, str], ProgressCallback]]:
    """Give a function (title, unit) that makes a bar, shown from its first move on."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=120.0) as progress:
        yield lambda title, unit: _mover(progress, title, unit)


@contextlib.contextmanager
def byte_bar(title: str) -> Iterator[ProgressCallback]:
    """Give a function that moves the bar of a download."""
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        yield _mover(progress, title, "bytes")


def _mover(progress: Progress, title: str, unit: str) -> ProgressCallback:
    bar = progress.add_task(title, start=False, visible=False, unit=unit)

    def move(finished: int, total: int) -> None:
        task = next(task for task in progress.tasks if task.id == bar)
        if not task.started:  # what was done before does not count as speed
            progress.update(bar, total=total, completed=finished, visible=True)
            progress.start_task(bar)
        else:
            progress.update(bar, completed=finished)

    return move
