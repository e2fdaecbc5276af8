"""Progress bars on standard error, with a rate and the time left."""

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
    """Yield a function that makes a bar from a title and a unit. A bar is shown from its first progress on."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=120.0) as progress:
        yield lambda title, unit: _callback(progress, title, unit)


@contextlib.contextmanager
def byte_bar(title: str) -> Iterator[ProgressCallback]:
    """Yield the callback of a bar of bytes, as of a download. It is drawn on a terminal only."""
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as progress:
        yield _callback(progress, title, "bytes")


def _callback(progress: Progress, title: str, unit: str) -> ProgressCallback:
    bar = progress.add_task(title, start=False, visible=False, unit=unit)

    def show(finished: int, total: int) -> None:
        task = next(task for task in progress.tasks if task.id == bar)
        if not task.started:  # work done in earlier runs does not count as speed
            progress.update(bar, total=total, completed=finished, visible=True)
            progress.start_task(bar)
        else:
            progress.update(bar, completed=finished)

    return show
