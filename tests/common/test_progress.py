"""Progress: a bar on a terminal, lines elsewhere."""

import io
import logging
import sys

import pytest

from common.log import LOGGER, LogConfig, logging_to
from common.progress import ProgressLines, progress_bars, rate_text


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def work(lines: ProgressLines, clock: Clock, *calls: tuple[float, int, int]) -> None:
    """Take the progress (seconds, done, total) of some work that begins now."""
    began = clock.seconds
    for seconds, done, total in calls:
        clock.seconds = began + seconds
        lines.update(done, total)


def test_a_line_every_thirty_seconds_and_one_at_the_end() -> None:
    clock, written = Clock(), list[str]()
    lines = ProgressLines("extract", "clips", written.append, clock)
    work(lines, clock, (0, 1, 9324), *((second, 1 + 3 * second, 9324) for second in range(1, 62)))
    assert written == [
        "extract: 91/9324 clips, 3.0/s, 0:51:18 left",
        "extract: 181/9324 clips, 3.0/s, 0:50:48 left",
    ]
    clock.seconds = 1000 + 3108
    lines.update(9324, 9324)
    lines.close()
    assert written[2:] == ["extract: 9324/9324 clips in 0:51:48, 3.0/s"]


def test_work_of_earlier_runs_is_no_speed() -> None:
    clock, written = Clock(), list[str]()
    lines = ProgressLines("extract", "clips", written.append, clock)
    work(lines, clock, (0, 9000, 9324), (40, 9004, 9324))
    assert written == ["extract: 9004/9324 clips, 6.0/min, 0:53:20 left"]


def test_work_that_ends_early_says_how_far_it_came() -> None:
    clock, written = Clock(), list[str]()
    lines = ProgressLines("extract", "clips", written.append, clock)
    work(lines, clock, (0, 1, 10), (20, 3, 10))
    lines.close()
    assert written == ["extract: 3/10 clips in 0:00:20, 6.0/min"]


def test_a_line_is_not_written_twice() -> None:
    clock, written = Clock(), list[str]()
    lines = ProgressLines("extract", "clips", written.append, clock)
    work(lines, clock, (0, 1, 5), (10, 5, 5), (20, 5, 5))
    lines.close()
    assert written == ["extract: 5/5 clips in 0:00:10, 24.0/min"]


def test_a_total_that_grows_with_the_work() -> None:
    """As of a download whose size the server does not tell."""
    clock, written = Clock(), list[str]()
    lines = ProgressLines("get", "MB", written.append, clock)
    work(lines, clock, *((second, second, second) for second in range(1, 35)))
    lines.close()
    assert written == [
        "get: 31/31 MB, 1.0/s, 0:00:00 left",
        "get: 34/34 MB in 0:00:33, 1.0/s",
    ]


@pytest.mark.parametrize("calls", [[], [(0, 8, 8)], [(0, 1, 8), (0.9, 8, 8)]])
def test_work_that_never_began_or_took_no_time_has_no_line(calls: list[tuple[float, int, int]]) -> None:
    clock, written = Clock(), list[str]()
    lines = ProgressLines("extract", "clips", written.append, clock)
    work(lines, clock, *calls)
    lines.close()
    assert written == []


@pytest.mark.parametrize(
    ("rate", "text"), [(12.34, "12.3/s"), (1.0, "1.0/s"), (0.5, "30.0/min"), (0.001, "3.6/h"), (1e-5, "0.0/h")]
)
def test_rates(rate: float, text: str) -> None:
    assert rate_text(rate) == text


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with logging_to(LogConfig(), "test"), progress_bars(clock) as bar:
        progress, _ = bar("train", "epochs"), bar("never begun", "clips")
        progress(1, 3)
        clock.seconds += 60
        progress.rename("train, AUC 83.1 %")
        progress(2, 3)
        clock.seconds += 60
        progress(3, 3)
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "train, AUC 83.1 %: 2/3 epochs, 1.0/min, 0:01:00 left",
        "train, AUC 83.1 %: 3/3 epochs in 0:02:00, 1.0/min",
    ]
    assert printed.out == ""


@pytest.mark.parametrize("total", [8, 12])
def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], total: int) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    with logging_to(LogConfig(), "test"), progress_bars(Clock()) as bar:
        progress = bar("extract", "clips")
        progress(3, 8)
        LOGGER.info("2 clips were added")
        print('{"a": 1}')
        progress(total, total)  # another total, as of a second download, is shown too
    assert f"{total}/{total}" in terminal.getvalue() and "100%" not in terminal.getvalue()
    assert "2 clips were added" in terminal.getvalue()
    assert "in 0:00:00" not in terminal.getvalue(), "no lines beside the bar"
    assert capsys.readouterr().out == '{"a": 1}\n'


@pytest.mark.parametrize("terminal", [Terminal(), io.StringIO()])
def test_quiet_shows_nothing(monkeypatch: pytest.MonkeyPatch, terminal: io.StringIO) -> None:
    monkeypatch.setattr(sys, "stderr", terminal)
    with logging_to(LogConfig(quiet=True), "test"), progress_bars() as bar:
        bar("extract", "clips")(8, 8)
        LOGGER.info("2 clips were added")
        LOGGER.warning("a node is lost")
    assert terminal.getvalue() == "a node is lost\n"


def test_the_last_line_comes_after_an_error_too(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()

    def fail() -> None:
        with logging_to(LogConfig(), "test"), progress_bars(clock) as bar:
            bar("extract", "clips")(3, 8)
            clock.seconds += 9
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert capsys.readouterr().err == "extract: 3/8 clips in 0:00:09\n"
    assert LOGGER.handlers == [] and LOGGER.level == logging.NOTSET
