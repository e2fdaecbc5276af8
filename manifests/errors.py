"""The one exception meant for people: a sentence with what, where and how to mend it."""

import sys
from collections.abc import Callable

INTERRUPTED = 130  # typer's exit status for Ctrl-C, as a shell's


class UserError(Exception):
    """Something the user can mend. Command lines print it without a traceback and exit with 1."""


def run_cli(app: Callable[[], None]) -> None:
    """Run a typer command line so that a `UserError` or Ctrl-C ends in a sentence, never in a traceback.

    Exit status: 1 for a `UserError`, 130 for Ctrl-C, else what the command itself asked for.
    """
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print("interrupted: what was finished is kept; run the same command to go on", file=sys.stderr)
        raise
