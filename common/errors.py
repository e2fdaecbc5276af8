"""The exception for users, and functions for the names in its sentence.

The sentence says what is wrong, where it is wrong, and how to correct it.
"""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

NAMED = 3  # how many names a sentence lists


class UserError(Exception):
    """Something that the user can correct. Command lines print it without a traceback and exit with status 1."""


def first_few(names: Sequence[str], shown: int = NAMED) -> str:
    """Return the first `shown` names of a list, and how many more there are: "a, b, c and 5 more"."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def counted(count: int, noun: str) -> str:
    """Return a number with its noun in the singular or, with an s, in the plural: "1 clip", "2 clips"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence about a name that is not known, with the nearest known one.

    Args:
        kind: what is named, as in "data set".
        name: the unknown name.
        known: all known names.
    """
    names = list(known)
    nearest = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    return f"no {kind} {name!r}; {hint}known: {', '.join(names)}"


def did_you_mean(path: Path, there: Iterable[Path]) -> str:
    """Return a question with the path whose last part is nearest to that of `path`; "": none is near."""
    names = {each.name: each for each in there}
    nearest = difflib.get_close_matches(path.name, list(names), n=1)
    return f"did you mean {names[nearest[0]]}?" if nearest else ""
