"""What the command lines of all rooms have in common: their looks, and how they end."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

import typer

from manifests.errors import UserError

INTERRUPTED = 130  # typer's exit status for Ctrl-C, as a shell's
STOPPED = 143  # what a shell gives for a process that SIGTERM ended


def new_app(about: str | None) -> typer.Typer:
    """Return an empty command line whose help begins with `about`."""
    return typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        help=about,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )


def run_cli(app: Callable[[], None]) -> None:
    """Run a typer command line so that a `UserError`, a file that is not theirs, Ctrl-C or SIGTERM ends in a sentence.

    Exit status: 1 for the first two, 130 for Ctrl-C, 143 for SIGTERM, else what the command itself asked for.
    """
    try:
        with ended_in_order():
            app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except PermissionError as error:  # whichever file of the user's it is
        if error.filename is None:
            raise
        print(f"error: {error.filename}: you may not read or write it; look at its owner and mode", file=sys.stderr)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print("interrupted: what was finished is kept; run the same command to go on", file=sys.stderr)
        raise


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Let SIGTERM end what is inside as Ctrl-C does, also where it is the first process, as in a container."""

    told = False

    def end(number: int, frame: object) -> None:
        nonlocal told
        if not told:  # a scheduler may say it twice
            print("stopped: what was finished is kept; run the same command to go on", file=sys.stderr)
        told = True
        sys.exit(STOPPED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
