"""How every command line ends: in a sentence, whatever of the user's making it was."""

import signal

import pytest

from manifests.command_line import run_cli
from manifests.errors import UserError


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UserError("a.csv is empty"), "error: a.csv is empty\n"),
        (PermissionError(13, "Permission denied", "/a/b"), "error: /a/b: you may not read or write it; look at"),
    ],
)
def test_errors_are_sentences(error: Exception, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    def app() -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        run_cli(app)
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith(sentence)


def test_a_defect_is_none_of_the_users(capsys: pytest.CaptureFixture[str]) -> None:
    def app() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_cli(app)


def test_a_signal_to_end_is_heeded_also_by_the_first_process(capsys: pytest.CaptureFixture[str]) -> None:
    """Which has no default: in a container nothing would happen until the kill."""

    def app() -> None:
        assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, signal.SIG_IGN)
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)  # while it cleans up
        pytest.fail("it goes on")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as end:
        run_cli(app)
    assert end.value.code == 143
    assert capsys.readouterr().err == "stopped: what was finished is kept; run the same command to go on\n"
    assert signal.getsignal(signal.SIGTERM) == before
