"""The progress of long work: a bar on a terminal; elsewhere, as in the log of a batch job, a line every 30 seconds."""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from common.log import LOGGER, PROGRESS, shows_bars

LINE_SECONDS = 30.0  # between two lines
SHORT_SECONDS = 1.0  # shorter work needs no line: its result follows at once
UNITS = ((1, "s"), (60, "min"), (3600, "h"))  # of a rate

Clock = Callable[[], float]  # returns seconds


class ProgressLines:
    """Writes the progress of one kind of work as lines: one every 30 seconds, and one at the end.

    Work of less than a second has no line.

    Args:
        title: what is done.
        unit: what is counted, in the plural.
        write: gets each line.
        clock: returns the time in seconds.
    """

    def __init__(self, title: str, unit: str, write: Callable[[str], None], clock: Clock = time.monotonic) -> None:
        self.title, self._unit, self._write, self._clock = title, unit, write, clock
        self._done, self._total = 0, 0
        self._first: tuple[int, float] | None = None  # what was done in earlier runs, and when this work began
        self._written: tuple[int, int] | None = None
        self._written_at = 0.0
        self._complete = False

    def update(self, done: int, total: int) -> None:
        """Take what is done, and write a line if it is time or if all is done."""
        now = self._clock()
        self._done, self._total = done, total
        if self._first is None:
            self._first, self._written_at = (done, now), now
        if done >= total and not self._complete:
            self._complete = True
            self._write_line(now, end=True)
        elif now - self._written_at >= LINE_SECONDS:
            self._write_line(now, end=False)

    def close(self) -> None:
        """Write the last line, if something was done since the line before."""
        if self._first is not None and self._written != (self._done, self._total):
            self._write_line(self._clock(), end=True)

    def _write_line(self, now: float, *, end: bool) -> None:
        assert self._first is not None
        before, began = self._first
        seconds = now - began
        if seconds < SHORT_SECONDS or not self._total:  # of nothing, such as 0 MB of small files, there is no progress
            return
        rate = (self._done - before) / seconds
        parts = [f"{self.title}: {self._done}/{self._total} {self._unit}"]
        if end:
            parts[0] += f" in {_duration(seconds)}"
        if rate > 0:
            parts.append(rate_text(rate))
        if rate > 0 and not end:
            parts.append(f"{_duration((self._total - self._done) / rate)} left")
        self._write(", ".join(parts))
        self._written, self._written_at = (self._done, self._total), now


class Bar:
    """The progress callback of one kind of work: it moves a bar, if there is one, and logs lines.

    Args:
        lines: the lines.
        progress: shows the bar; None: there is none.
    """

    def __init__(self, lines: ProgressLines, progress: Progress | None) -> None:
        self._lines, self._progress = lines, progress
        self._task = None if progress is None else progress.add_task(lines.title, start=False, visible=False)

    def __call__(self, done: int, total: int) -> None:
        """Show what is done."""
        self._lines.update(done, total)
        if self._progress is None or self._task is None:
            return
        self._progress.update(self._task, completed=done, total=total, visible=True)
        if not self._progress.tasks[self._task].started:  # work done in earlier runs does not count as speed
            self._progress.start_task(self._task)

    def rename(self, title: str) -> None:
        """Change the title."""
        self._lines.title = title
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=title)


@contextlib.contextmanager
def progress_bars(clock: Clock = time.monotonic) -> Iterator[Callable[[str, str], Bar]]:
    """Yield a function that makes a progress callback from a title and a unit. It is shown from its first call on.

    Args:
        clock: returns the time in seconds, for the lines.
    """
    lines: list[ProgressLines] = []

    def new_bar(title: str, unit: str) -> Bar:
        lines.append(ProgressLines(title, unit, _log_line, clock))
        return Bar(lines[-1], progress)

    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(_terminal_bars()) if shows_bars() else None
        try:
            yield new_bar
        finally:
            for line in lines:
                line.close()


def rate_text(rate: float) -> str:
    """Return a rate as text, from a rate per second: per minute or per hour if that is easier to read."""
    seconds, unit = next(((seconds, unit) for seconds, unit in UNITS if rate * seconds >= 1), UNITS[-1])
    return f"{rate * seconds:.1f}/{unit}"


def _terminal_bars() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # Results go to standard output, also while a bar is shown.
    console = Console(stderr=True, force_terminal=True)
    return Progress(*columns, console=console, speed_estimate_period=120.0, redirect_stdout=False)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(rate_text(task.speed) if task.speed else "")


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _log_line(line: str) -> None:
    LOGGER.info(line, extra=PROGRESS)
