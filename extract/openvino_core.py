"""OpenVINO itself: its package, imported without telemetry, and its one core. Nothing here loads torch.

OpenVINO's package depends on `openvino-telemetry`, which reports every import and every conversion to Google Analytics
without asking. Here the import of that package fails on purpose. OpenVINO then uses a stand-in that sends nothing.

There is one `openvino.Core` in a process, and it is never released. A core replaces the memory that the thread's signal
handlers run on, and with several cores that come and go, a later Ctrl-C crashed the process (OpenVINO 2026.4).
"""

import functools
import importlib
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import Any

INSTALL = "uv pip install openvino"
TELEMETRY = "openvino_telemetry"
LONGEST = 300  # letters of an error of a library


class NoOpenVino(Exception):
    """OpenVINO's package cannot be used. The text is the reason, for a sentence."""


class OpenVinoNotInstalled(NoOpenVino):
    """The package is missing. The text says how to install it."""


def import_openvino() -> Any:
    """Import OpenVINO without its telemetry, and return the module.

    Raises:
        OpenVinoNotInstalled: the package is missing.
        NoOpenVino: it cannot be loaded.
    """
    openvino_version()
    given = sys.modules.get(TELEMETRY)
    sys.modules[TELEMETRY] = None  # type: ignore[assignment]  # so its import fails
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("openvino")
    except Exception as error:  # as where a library of the system is missing
        raise NoOpenVino(f"the package openvino cannot be loaded: {in_one_line(error)}") from error
    finally:
        del sys.modules[TELEMETRY]
        if given is not None:
            sys.modules[TELEMETRY] = given


def openvino_version() -> str:
    """Return the version of the package, without importing it.

    Raises:
        OpenVinoNotInstalled: the package is missing.
    """
    try:
        return version("openvino")
    except PackageNotFoundError as error:
        raise OpenVinoNotInstalled(f"the package openvino is not installed; install it: {INSTALL}") from error


@functools.cache
def openvino_core() -> Any:
    """Return the one `openvino.Core` of the process."""
    return import_openvino().Core()


def in_one_line(error: Exception) -> str:
    """Return the beginning of a library's error as one line."""
    return " ".join(str(error).split())[:LONGEST] or type(error).__name__
