"""The one exception meant for people: a sentence with what, where and how to mend it."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the user can mend. Command lines print it without a traceback and exit with 1."""


def run_cli(app: Callable[[], None]) -> None:
    """Run a command line so that a `UserError` or Ctrl-C ends in a sentence, never in a traceback.

    Exit status: 1 for a `UserError`, 130 for Ctrl-C, else what the command itself asked for.
    """
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept; run the same command to go on", file=sys.stderr)
        sys.exit(130)
