"""What the command lines of all packages share: how an app is made, and how it ends."""

import os
import sys
from collections.abc import Callable

import typer

from common.error_reports import explain_system_error, report_defect
from common.errors import UserError
from common.exits import DEFECT, INTERRUPTED, QuietExit, end_sentence, exit_on_sigterm


def new_app(about: str) -> typer.Typer:
    """Return an empty command line whose help begins with `about`."""
    return typer.Typer(
        no_args_is_help=True,
        add_completion=False,  # `early-recognition` has it, for the commands of all packages
        help=about,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )


def run_cli(app: Callable[[], None]) -> None:
    """Run a command line, and print a sentence for every error.

    The exit status is 1 for a `UserError` and for a file that the system refuses, 70 for any other exception (a defect
    of this program), 130 for Ctrl-C, 143 for SIGTERM, and otherwise the command's own. With EARLY_TRACEBACK=1 an
    exception that is no `UserError` is raised again.
    """
    # OpenMP reads this when torch is imported. By default its threads wait for each other in busy loops. If other
    # processes need the cores too, a training then takes three times as long (measured). No result depends on it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with exit_on_sigterm():
            app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        if os.environ.get("EARLY_TRACEBACK"):
            raise
        if (sentence := explain_system_error(error)) is not None:
            print(f"error: {sentence}", file=sys.stderr)
            sys.exit(1)
        print(f"error: {report_defect(error)}", file=sys.stderr)
        sys.exit(DEFECT)
    except SystemExit as end:
        if end.code == INTERRUPTED and not isinstance(end, QuietExit):
            print(end_sentence("interrupted"), file=sys.stderr)
        raise
