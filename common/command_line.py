"""What the command lines of all packages have in common: their looks, and how they end."""

import contextlib
import errno
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator

import typer

from common.errors import UserError

INTERRUPTED = 130  # typer's exit status for Ctrl-C, as a shell's
STOPPED = 143  # what a shell gives for a process that SIGTERM ended
DEFECT = 70  # EX_SOFTWARE of sysexits.h
FULL = (errno.ENOSPC, errno.EDQUOT)


class QuietExit(SystemExit):
    """An end that needs no sentence, as of a display that Ctrl-C closes. Its argument is the exit status."""


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
    """Run a typer command line so that everything it can end with is a sentence.

    Exit status: 1 for a `UserError` and for a file that the system refuses, 70 for any other exception (a defect of
    this project), 130 for Ctrl-C, 143 for SIGTERM, else what the command itself asked for. With EARLY_TRACEBACK=1 an
    exception that is no `UserError` is raised on.
    """
    try:
        with ended_in_order():
            app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        if os.environ.get("EARLY_TRACEBACK"):
            raise
        if (sentence := _refused_by_the_system(error)) is not None:
            print(f"error: {sentence}", file=sys.stderr)
            sys.exit(1)
        print(f"error: {_defect(error)}", file=sys.stderr)
        sys.exit(DEFECT)
    except SystemExit as end:
        if end.code == INTERRUPTED and not isinstance(end, QuietExit):
            print("interrupted: what was finished is kept; run the same command to go on", file=sys.stderr)
        raise


def _refused_by_the_system(error: Exception) -> str | None:
    """Return what to say where a file, a disk or the memory is the reason; None: it is something else."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # the latter is torch's
        what = str(error).partition("\n")[0] or "of this machine"
        return f"memory is not enough ({what}); use smaller batches or images, or fewer workers"
    if not isinstance(error, OSError):
        return None
    if error.filename is None:
        return "no space is left on the disk; make room and run the same command" if error.errno in FULL else None
    if isinstance(error, PermissionError):
        return f"{error.filename}: you may not read or write it; look at its owner and mode"
    return f"{error.filename}: {error.strerror or error}"


def _defect(error: Exception) -> str:
    """Write down the traceback of a defect, and return what to say of it."""
    text = "".join(traceback.format_exception(error))
    what = " ".join(f"{type(error).__name__}: {error}".split())[:300].encode("utf-8", "backslashreplace").decode()
    try:
        handle, name = tempfile.mkstemp(prefix="early-recognition-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{sys.argv}\n{sys.version}\n\n{text}")
        where = f"report it with the file {name}, which says where it happened"
    except OSError:  # no folder for temporary files can be written
        where = "report it with what the same command prints with EARLY_TRACEBACK=1"
    return f"this is a defect of the program and not of your input ({what}); please {where}"


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
