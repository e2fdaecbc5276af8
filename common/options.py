"""Options that commands of several packages share."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from common.log import LogConfig, logging_to

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")]
Runtime = Annotated[
    str, typer.Option(help="Of the network on a CPU: torch, openvino, or auto, the faster one. On a GPU it is torch.")
]
Workers = Annotated[int | None, typer.Option(min=1, help="Number of decode processes; default: one per core.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")]

QUIET = "Print no progress and no notices; errors and results remain."
VERBOSE = "Print more: each clip that fails, how long stages took."
LOG_FILE = "Append notices and progress to this file, with the time of each line."
LOG_OPTIONS: dict[str, tuple[Any, Any]] = {  # annotation, default
    "quiet": (Annotated[bool, typer.Option("--quiet", help=QUIET)], False),
    "verbose": (Annotated[bool, typer.Option("--verbose", help=VERBOSE)], False),
    "log_file": (Annotated[Path | None, typer.Option(help=LOG_FILE, metavar="FILE")], None),
}


def with_logs(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--quiet`, `--verbose` and `--log-file` to a command that works long, and log as they say while it runs.

    The command itself does not receive them. It gives its sentences to `common.log.notify`, and its progress to
    `common.progress.progress_bars`.
    """
    name = f"{command.__module__.partition('.')[0]} {command.__name__.replace('_', '-')}"

    @functools.wraps(command)
    def run(
        *arguments: Any, quiet: bool = False, verbose: bool = False, log_file: Path | None = None, **own: Any
    ) -> None:
        with logging_to(LogConfig(quiet, verbose, log_file), name):
            command(*arguments, **own)

    signature = inspect.signature(command)
    options = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for key, (annotation, default) in LOG_OPTIONS.items()
    ]
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *options])  # type: ignore[attr-defined]
    return run
