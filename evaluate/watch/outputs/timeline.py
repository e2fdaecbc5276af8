"""The timeline of `watch` on a terminal: a line for each segment of a source."""

import shutil
from collections.abc import Callable
from pathlib import PurePosixPath

from evaluate.live.recognition import ClassProbability, most_probable
from evaluate.live.written import BAR, WIDTH, cut, percent
from evaluate.watch.events import Event, Prediction, SourceEnded, SourceNotice
from evaluate.watch.outputs.output import Output

NAME = 14  # columns of the name of a source
CLASS = 18  # columns of the name of a class
NARROWEST = 40  # columns of a line


class Timeline(Output):
    """Prints a line of at most 80 columns for each prediction; a narrower terminal has lines without a bar.

    A line has the source, the time of the stream, how many segments were seen, the most probable class with a bar, and
    the decision with a second line.

    Args:
        num_segments: N.
        several: there are several sources, so each line names its own.
        write: gets the lines of predictions.
        notify: gets sentences about sources.
    """

    def __init__(
        self, num_segments: int, several: bool, write: Callable[[str], None], notify: Callable[[str], None]
    ) -> None:
        self._columns = min(WIDTH, max(NARROWEST, shutil.get_terminal_size((WIDTH, 24)).columns))
        self._num_segments = num_segments
        self._several = several
        self._write = write
        self._notify = notify

    def show(self, event: Event) -> None:
        """See `Output.show`."""
        if isinstance(event, Prediction):
            self._write(self._line(event))
            if event.is_new and event.decision is not None:
                own = f"{short_name(event.source)}: " if self._several else ""
                name, probability = event.decision.name, percent(event.decision.probability)
                self._write(f"  → {own}decided at {event.time:.2f} s: {name} ({probability})")
        elif isinstance(event, SourceNotice):
            self._notify(f"{event.source}: {event.sentence}")
        elif isinstance(event, SourceEnded):
            self._notify(f"{event.source} has ended{f': {event.reason}' if event.reason else ''}")

    def _line(self, event: Prediction) -> str:
        best, *others = most_probable(event.classes, event.probabilities, 3)
        name = f"{cut(short_name(event.source), NAME):<{NAME}} " if self._several else ""
        bar = f"{'█' * round(BAR * best.probability):<{BAR}} " if self._columns >= WIDTH else ""
        seen = f"{event.level:>2}/{self._num_segments}"
        width = max(len(each) for each in event.classes)
        text = f"{name}{event.time:>8.2f} s {seen}  {bar}{percent(best.probability):>5}  "
        text += f"{cut(best.name, CLASS):<{min(width, CLASS)}}  "
        text += f"{event.dropped} dropped" if event.dropped else _others(others)
        return cut(text.rstrip(), self._columns)


def short_name(source: str) -> str:
    """Return the last part of a path or a URL, without what may be secret in a URL."""
    return PurePosixPath(source.partition("?")[0]).name or source


def _others(others: list[ClassProbability]) -> str:
    return ", ".join(f"{percent(each.probability)} {each.name}" for each in others)
