"""Where a command's notices and progress lines go: to standard error, to a file, or to neither.

The backbone is Python's `logging`, with the logger `early_recognition`. A program that uses the packages from Python
can add handlers of its own to it: the packages log details such as failed clips at the level DEBUG. The options that
choose a `LogConfig` are in `common.options`.
"""

import contextlib
import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.exits import end_sentence

LOGGER = logging.getLogger("early_recognition")
LINE = "%(asctime)s %(levelname)s %(message)s"  # of a log file
TIME = "%Y-%m-%dT%H:%M:%S%z"
LOG_LINE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} ")  # how a log file begins
PROGRESS = {"kind": "progress"}  # marks a progress line: not for a terminal, which has the bar
FILE_ONLY = {"kind": "file only"}  # marks what standard error gets in another way


@dataclass(frozen=True)
class LogConfig:
    """What is logged, and where.

    Attributes:
        quiet: print no progress and no notices on standard error. A log file gets them all the same.
        verbose: log details too.
        file: append every line, with its time, to this file; None: there is none.
    """

    quiet: bool = False
    verbose: bool = False
    file: Path | None = None


class _StandardError(logging.Handler):
    """Prints on the standard error of the moment: a progress bar replaces it while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = getattr(record, "kind", "")
        if kind == FILE_ONLY["kind"] or (kind == PROGRESS["kind"] and sys.stderr.isatty()):
            return
        print(record.getMessage(), file=sys.stderr, flush=True)


class _LogFile(logging.FileHandler):
    """Appends lines to a file. If that fails during the work, it says so once, and the work continues."""

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(super().format(record).splitlines())

    def handleError(self, record: logging.LogRecord) -> None:
        LOGGER.removeHandler(self)
        LOGGER.warning(f"{self.baseFilename} cannot be written ({sys.exception()}); the work continues without it")


@contextlib.contextmanager
def logging_to(config: LogConfig, command: str) -> Iterator[None]:
    """Log as `config` says, until the context ends. A log file also gets the begin and the end of the command.

    Args:
        config: what is logged, and where.
        command: the name of the command, for the log file.

    Raises:
        UserError: quiet and verbose exclude each other, or the log file cannot be written.
    """
    if config.quiet and config.verbose:
        raise UserError("--quiet prints less and --verbose prints more; give one of them")
    handlers: list[logging.Handler] = [_StandardError(logging.WARNING if config.quiet else logging.DEBUG)]
    if config.file is not None:
        handlers.append(_open_log_file(config.file))
    before = LOGGER.level, LOGGER.propagate
    LOGGER.setLevel(logging.DEBUG if config.verbose else logging.INFO)
    LOGGER.propagate = False
    for handler in handlers:
        LOGGER.addHandler(handler)
    LOGGER.info(f"{command} begins", extra=FILE_ONLY)
    try:
        yield
        LOGGER.info(f"{command} ended", extra=FILE_ONLY)
    except BaseException as error:
        LOGGER.info(f"{command} ended: {_describe_end(error)}", extra=FILE_ONLY)
        raise
    finally:
        for handler in handlers:
            LOGGER.removeHandler(handler)
            handler.close()
        LOGGER.setLevel(before[0])
        LOGGER.propagate = before[1]


def notify(sentence: str) -> None:
    """Give a sentence to the user. In a command without options for logs, it is printed on standard error."""
    if LOGGER.handlers:
        LOGGER.info(sentence)
    else:
        print(sentence, file=sys.stderr)


def shows_bars() -> bool:
    """Tell whether progress bars are shown: on a terminal, unless the command is quiet."""
    quiet = any(isinstance(handler, _StandardError) and handler.level > logging.INFO for handler in LOGGER.handlers)
    return sys.stderr.isatty() and not quiet


def _open_log_file(path: Path) -> _LogFile:
    """Open a log file to append to it.

    Raises:
        UserError: it cannot be written, or it is another file than a log.
    """
    try:
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as file:
                if not LOG_LINE.match(file.read(40)):
                    raise UserError(f"--log-file {path}: this file exists and is not a log; give another name")
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UserError(f"--log-file {path}: cannot write it: {error.strerror or error}; give another name") from error
    handler.setFormatter(logging.Formatter(LINE, TIME))
    return handler


def _describe_end(error: BaseException) -> str:
    """Return how a command ended that raised an exception."""
    if isinstance(error, KeyboardInterrupt):
        return end_sentence("interrupted")
    status = getattr(error, "exit_code", getattr(error, "code", None))  # of typer's Exit; of SystemExit
    if status is not None:
        return f"exit status {status}"
    return f"error: {error}" if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
