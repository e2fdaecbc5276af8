"""How Python is started for another process of this program."""

from pathlib import Path

HOME = Path(__file__).resolve().parent.parent  # the folder of the packages


def safe_path_option() -> list[str]:
    """Return `["-P"]`, so that `python -m` ignores the modules of the current folder.

    In the folder of a checkout it is an empty list, because the packages may be found there only.
    """
    return [] if Path.cwd() == HOME else ["-P"]
