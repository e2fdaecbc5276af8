"""Sentences for exceptions that are no `UserError`: what the system refuses, and defects of the program."""

import errno
import os
import re
import sys
import tempfile
import traceback

FULL = (errno.ENOSPC, errno.EDQUOT)


def explain_system_error(error: Exception) -> str | None:
    """Return a sentence if a file, a disk or the memory is the reason of an error; None: there is another reason."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # the latter is torch's
        what = str(error).partition("\n")[0] or "of this machine"
        return f"memory is not enough ({what}); use smaller batches or images, or fewer workers"
    if not isinstance(error, OSError):
        return None
    if error.filename is None:
        return "no space is left on the disk; free some and run the same command" if error.errno in FULL else None
    if isinstance(error, PermissionError):
        return f"{error.filename}: you may not read or write it; look at its owner and mode"
    return f"{error.filename}: {error.strerror or error}"


def report_defect(error: Exception) -> str:
    """Write the traceback of a defect to a temporary file, and return a sentence that names the file."""
    text = _without_passwords("".join(traceback.format_exception(error)))
    what = " ".join(_without_passwords(f"{type(error).__name__}: {error}").split())[:300]
    what = what.encode("utf-8", "backslashreplace").decode()
    try:
        handle, name = tempfile.mkstemp(prefix="early-recognition-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{_without_passwords(str(sys.argv))}\n{sys.version}\n\n{text}")
        where = f"report it with the file {name}, which has the details"
    except OSError:  # no folder for temporary files can be written
        where = "report it with what the same command prints with EARLY_TRACEBACK=1"
    return f"this is a defect of the program and not of your input ({what}); please {where}"


def _without_passwords(text: str) -> str:
    """Return a text in which URLs have no user and no password."""
    return re.sub(r"(?<=://)[^/?#\s'\"]*@", "", text)
