"""How a process ends: its exit statuses, and SIGTERM as an orderly end."""

import contextlib
import signal
import sys
from collections.abc import Iterator

INTERRUPTED = 130  # typer's exit status for Ctrl-C, and a shell's
STOPPED = 143  # a shell's exit status for a process that SIGTERM ended
DEFECT = 70  # EX_SOFTWARE of sysexits.h


class QuietExit(SystemExit):
    """An end that needs no sentence, as of a display that Ctrl-C closes. Its argument is the exit status."""


@contextlib.contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Let SIGTERM raise `SystemExit`, as Ctrl-C raises an exception, so that everything is closed.

    The first process of a container has no default for SIGTERM, so it would go on until it is killed.
    """
    reported = False

    def end(number: int, frame: object) -> None:
        nonlocal reported
        if not reported:  # a scheduler may send the signal twice
            print("stopped: what was finished is kept; run the same command to resume", file=sys.stderr)
        reported = True
        sys.exit(STOPPED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
