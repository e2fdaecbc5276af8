"""The timeline fits a terminal and names what was decided."""

from dataclasses import replace

import numpy as np
import pytest

from evaluate.watch.events import Decided, Prediction, SourceEnded, SourceNotice
from evaluate.watch.outputs import Timeline

CLASSES = ("wave", "a class with a very long name that no terminal has room for", "clap")
PREDICTION = Prediction("rtsp://cam/hall", 0, 3, 12.5, CLASSES, np.array([0.1, 0.7, 0.2], np.float32), None, False, 0.1)


def shown(several: bool, *events: object) -> tuple[list[str], list[str]]:
    lines: list[str] = []
    notices: list[str] = []
    timeline = Timeline(10, several, lines.append, notices.append)
    for event in events:
        timeline.show(event)  # type: ignore[arg-type]
    return lines, notices


def test_a_line_for_each_segment() -> None:
    for several in (False, True):
        (line,), notices = shown(several, PREDICTION)
        assert len(line) <= 80 and not notices
        assert "12.50 s  3/10  ██████████████" in line and " 70 %  a class with a ve" in line
        assert line.startswith("hall ") == several


def test_a_narrow_terminal_has_lines_without_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    (line,), _ = shown(False, PREDICTION)
    assert line == "   12.50 s  3/10   70 %  a class with a…"


def test_dropped_frames_are_told() -> None:
    (line,), _ = shown(False, replace(PREDICTION, dropped=7))
    assert line.endswith("  7 dropped")


def test_the_decision_is_named_once() -> None:
    decided = replace(PREDICTION, decision=Decided(CLASSES[1], 0.7, 3, 12.5), is_new=True)
    lines, _ = shown(True, decided, replace(decided, is_new=False, level=4))
    assert [line for line in lines if "→" in line] == [f"  → hall: decided at 12.50 s: {CLASSES[1]} (70 %)"]


def test_notices_and_ends_are_sentences() -> None:
    lines, notices = shown(False, SourceNotice("a", "it stalls"), SourceEnded("a", ""), SourceEnded("b", "it is cut"))
    assert not lines and notices == ["a: it stalls", "a has ended", "b has ended: it is cut"]
