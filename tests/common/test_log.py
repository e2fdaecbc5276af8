"""Notices and log files."""

import errno
import itertools
import logging
import re
from pathlib import Path

import pytest

from common.errors import UserError
from common.log import LOGGER, LogConfig, logging_to, notify
from common.progress import progress_bars

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}"


def lines_of(path: Path) -> list[str]:
    """Return the lines of a log without their times, each of which is checked."""
    stamped = [re.fullmatch(rf"{STAMP} (.*)", line) for line in path.read_text().splitlines()]
    assert None not in stamped
    return [line[1] for line in stamped if line]


def test_a_file_gets_what_a_quiet_command_does_not_print(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "folder" / "run.log"
    clock = itertools.count(0.0, 2.0).__next__
    for _ in range(2):
        with logging_to(LogConfig(quiet=True, file=path), "extract run"), progress_bars(clock) as bar:
            notify("2 clips\nwere added")
            LOGGER.debug("a detail")
            progress = bar("extract", "clips")
            progress(4, 8)
            progress(8, 8)
    assert capsys.readouterr() == ("", "")
    assert lines_of(path) == 2 * [
        "INFO extract run begins",
        "INFO 2 clips were added",
        "INFO extract: 8/8 clips in 0:00:02, 2.0/s",
        "INFO extract run ended",
    ]


def test_details_if_they_are_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(LogConfig(verbose=True, file=tmp_path / "a.log"), "x"):
        LOGGER.debug("clip c4 failed (decode): not a video")
    assert capsys.readouterr().err == "clip c4 failed (decode): not a video\n"
    assert "DEBUG clip c4 failed (decode): not a video" in lines_of(tmp_path / "a.log")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("a.csv is empty"), "error: a.csv is empty"),
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(143), "exit status 143"),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
    ],
)
def test_a_file_says_how_the_command_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, line: str
) -> None:
    monkeypatch.setattr("common.exits._resumable", False)

    def fail() -> None:
        with logging_to(LogConfig(file=tmp_path / "a.log"), "distill train"):
            raise error

    with pytest.raises(type(error)):
        fail()
    assert lines_of(tmp_path / "a.log")[-1] == f"INFO distill train ended: {line}"


def enter(config: LogConfig) -> None:
    with logging_to(config, "x"):
        pytest.fail("the work has begun")


def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--log-file .*: cannot write it: Is a directory; give another name"):
        enter(LogConfig(file=tmp_path))
    with pytest.raises(UserError, match="cannot write it"):
        enter(LogConfig(file=tmp_path / "file" / "below.log"))
    assert LOGGER.handlers == []


@pytest.mark.parametrize("content", [b"\x89HDF\r\n\x1a\n\0\0", b"clip_id,path\nc1,a.avi\n"])
def test_a_file_that_is_no_log_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tsm.h5"
    path.write_bytes(content)
    with pytest.raises(UserError, match="this file exists and is not a log; give another name"):
        enter(LogConfig(file=path))
    assert path.read_bytes() == content


def test_quiet_and_verbose_exclude_each_other() -> None:
    with pytest.raises(UserError, match="give one of them"):
        enter(LogConfig(quiet=True, verbose=True))


def test_a_disk_that_becomes_full_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with logging_to(LogConfig(file=tmp_path / "a.log"), "x"):
        monkeypatch.setattr(logging.FileHandler, "format", fill)
        notify("one")
        notify("two")
    printed = capsys.readouterr().err.splitlines()
    assert printed[0] == "one" and printed[2:] == ["two"]
    assert "a.log cannot be written ([Errno 28] No space left on device); the work continues without it" in printed[1]


def test_a_sentence_where_nothing_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    notify("100 % of it")
    assert capsys.readouterr() == ("", "100 % of it\n")
