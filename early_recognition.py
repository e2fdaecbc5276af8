"""The start of every command line: `early-recognition`, `python -m extract` and the others.

This module has a name of its own and imports the standard library only. So it can report that another distribution
has a package `common` or `evaluate`, and Ctrl-C ends with a sentence while the packages are imported.
"""

# What takes long to import is imported by the functions, after `start` has set the handlers of the signals.
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DISTRIBUTION = "early-recognition"
PACKAGES = ("common", "manifests", "extract", "distill", "evaluate")  # each imports those before it
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "stopped"}


def main() -> None:
    """Run `early-recognition`, the command line of all packages."""
    start("evaluate", "evaluate.commands.early_recognition")


def start(package: str, module: str = "") -> None:
    """Run the command line of a package, as `python -m PACKAGE` does, and end the process.

    A signal that is ignored stays ignored, as nohup and shells want it for background processes.

    Args:
        package: one of `PACKAGES`.
        module: the module whose `app` is run; default: `PACKAGE.commands.app`.
    """
    handled = [number for number in WORDS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in handled:
        signal.signal(number, _end)
    reason = _shadowed(PACKAGES[: PACKAGES.index(package) + 1])
    if reason is not None:
        print(f"error: {reason}", file=sys.stderr)
        sys.exit(1)
    from importlib import import_module

    run_cli = import_module("common.command_line").run_cli
    app = import_module(module or f"{package}.commands.app").app
    try:
        if signal.SIGINT in handled:
            signal.signal(signal.SIGINT, _end_if_importing)
        run_cli(app)
    except KeyboardInterrupt:  # before or after the command, which reports its own interrupts
        _end(signal.SIGINT, None)
    finally:
        if signal.SIGINT in handled:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while Python ends


def _shadowed(packages: tuple[str, ...]) -> str | None:
    """Return a sentence if one of the packages is not this project's; None: all are.

    A package is this project's if it is in the same folder as this file. That is so in a checkout, in an editable
    installation and in an environment. In an environment, another distribution may have overwritten its files.
    """
    from importlib.util import find_spec
    from pathlib import Path

    home = Path(__file__).resolve().parent
    for name in packages:
        spec = find_spec(name)
        there = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
        if there != home / name / "__init__.py":
            found = "is missing" if there is None else f"is taken from {there}"
            return f"the package `{name}` of {DISTRIBUTION} in {home} {found}; {_REMEDY}"
        if _overwritten(there, home):
            return f"another distribution has overwritten {there} of {DISTRIBUTION}; {_REMEDY}"
    return None


_REMEDY = (
    f"another distribution, or a file in the current folder, has the same name: install {DISTRIBUTION} into an "
    f"environment of its own, and use the command `{DISTRIBUTION}`, which ignores the current folder"
)


def _overwritten(file: "Path", home: "Path") -> bool:
    """Return whether a file differs from what was installed; False where no installation has recorded it."""
    import base64
    import hashlib
    import importlib.metadata

    for distribution in importlib.metadata.distributions(name=DISTRIBUTION, path=[str(home)]):
        for recorded in distribution.files or ():
            if recorded.hash is not None and recorded.parts == file.parts[-2:]:
                digest = hashlib.new(recorded.hash.mode, file.read_bytes()).digest()
                return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != recorded.hash.value
    return False


def _end(number: int, frame: FrameType | None) -> None:
    """End the process with a sentence.

    An exception would not do: some libraries catch every exception while they are imported.
    """
    exits = sys.modules.get("common.exits")  # it knows whether the command keeps its work; no command runs without it
    sentence = getattr(exits, "end_sentence", str)
    os.write(2, f"{sentence(WORDS[signal.Signals(number)])}\n".encode())
    os._exit(128 + number)


def _end_if_importing(number: int, frame: FrameType | None) -> None:
    """End the process if a module is being imported, as torch is when a command begins; else raise an exception.

    Every file is written under a temporary name, so that the process may end at any moment.
    """
    caller = frame
    while caller is not None:
        if caller.f_code.co_filename == "<frozen importlib._bootstrap>":
            _end(number, frame)
        caller = caller.f_back
    signal.default_int_handler(number, frame)


if __name__ == "__main__":
    main()
