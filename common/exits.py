"""How a process ends: its exit statuses, its last sentence, and SIGTERM as an orderly end."""

import contextlib
import functools
import signal
import sys
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

INTERRUPTED = 130  # typer's exit status for Ctrl-C, and a shell's
STOPPED = 143  # a shell's exit status for a process that SIGTERM ended
DEFECT = 70  # EX_SOFTWARE of sysexits.h
SOME_FAILED = 3  # some clips or inputs failed, and the others are done
P = ParamSpec("P")
R = TypeVar("R")

_resumable = False  # whether the command that runs in this process is a `resumable` one


def resumable(command: Callable[P, R]) -> Callable[P, R]:
    """Mark a command that keeps what it has finished, and that resumes when it is run again.

    If such a command is interrupted or stopped, its last sentence says so.
    """

    @functools.wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> R:
        global _resumable
        _resumable = True
        return command(*arguments, **options)

    return run


def end_sentence(word: str) -> str:
    """Return the last sentence of a command.

    Args:
        word: "interrupted" or "stopped".
    """
    return f"{word}: what was finished is kept; run the same command to resume" if _resumable else word


class QuietExit(SystemExit):
    """An end that needs no sentence, as of a display that Ctrl-C closes. Its argument is the exit status."""


@contextlib.contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Let SIGTERM raise `SystemExit`, as Ctrl-C raises an exception, so that everything is closed.

    The first process of a container has no default for SIGTERM, so it would go on until it is killed.
    """
    global _resumable
    _resumable = reported = False

    def end(number: int, frame: object) -> None:
        nonlocal reported
        if not reported:  # a scheduler may send the signal twice
            print(end_sentence("stopped"), file=sys.stderr)
        reported = True
        sys.exit(STOPPED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
