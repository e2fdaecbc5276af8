"""SIGTERM ends a process in order."""

import signal

import pytest

from common.command_line import run_cli
from common.exits import resumable


def test_sigterm_ends_the_process_also_if_it_is_the_first_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The first process of a container has no default for SIGTERM, so it would go on until it is killed."""

    @resumable
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
    assert capsys.readouterr().err == "stopped: what was finished is kept; run the same command to resume\n"
    assert signal.getsignal(signal.SIGTERM) == before
