"""How every command line ends: in a sentence, whatever the reason."""

import errno
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from common.command_line import run_cli
from common.errors import UserError
from common.exits import QuietExit, resumable


class OutOfMemoryError(RuntimeError):
    """As torch calls it."""


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UserError("a.csv is empty"), "error: a.csv is empty\n"),
        (PermissionError(13, "Permission denied", "/a/b"), "error: /a/b: you may not read or write it; look at"),
        (FileNotFoundError(2, "No such file or directory", "/a/b"), "error: /a/b: No such file or directory\n"),
        (IsADirectoryError(21, "Is a directory", "/a/b"), "error: /a/b: Is a directory\n"),
        (OSError(errno.EROFS, "Read-only file system", "/a/b"), "error: /a/b: Read-only file system\n"),
        (MemoryError(), "error: memory is not enough (of this machine); use smaller batches"),
        (
            OutOfMemoryError("Tried to allocate 2 GiB.\nMore"),
            "error: memory is not enough (Tried to allocate 2 GiB.); u",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "error: no space is left on the disk; free some and run"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "error: no space is left on the disk; free some and run"),
    ],
)
@pytest.mark.usefixtures("no_traceback")
def test_errors_are_sentences(error: Exception, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    def app() -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        run_cli(app)
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith(sentence)


@pytest.mark.parametrize(("given", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_leave_the_cores_to_others(
    given: str | None, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", given or "")
    if given is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    seen = []
    run_cli(lambda: seen.append(os.environ["OMP_WAIT_POLICY"]))
    assert seen == [found]


@pytest.fixture
def no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EARLY_TRACEBACK", raising=False)


def divide() -> None:
    raise ZeroDivisionError("by\nzero \udcff")


@pytest.mark.usefixtures("no_traceback")
def test_a_defect_is_reported_and_its_traceback_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as end:
        run_cli(divide)
    assert end.value.code == 70
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1 and "ZeroDivisionError: by zero" in printed and "not of your input" in printed
    report = re.search(r"the file (\S+),", printed)
    assert report and Path(report[1]).parent == tmp_path
    assert "in divide" in Path(report[1]).read_text()


@pytest.mark.usefixtures("no_traceback")
def test_a_defect_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit) as end:
        run_cli(divide)
    assert end.value.code == 70 and "with EARLY_TRACEBACK=1" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ZeroDivisionError(), FileNotFoundError(2, "No such file", "/a/b")])
def test_a_traceback_can_be_asked_for(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def app() -> None:
        raise error

    monkeypatch.setenv("EARLY_TRACEBACK", "1")
    with pytest.raises(type(error)):
        run_cli(app)


def end(status: SystemExit) -> None:
    raise status


@pytest.mark.parametrize(
    ("app", "status", "printed"),
    [
        (end, SystemExit(130), "interrupted\n"),
        (
            resumable(end),
            SystemExit(130),
            "interrupted: what was finished is kept; run the same command to resume\n",
        ),
        (resumable(end), QuietExit(130), ""),
    ],
    ids=["keeps nothing", "resumable", "quiet"],
)
def test_the_sentence_of_an_interrupt(
    app: Callable[[SystemExit], None], status: SystemExit, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_cli(lambda: app(status))
    assert ended.value.code == 130
    assert capsys.readouterr().err == printed
