"""The one exception meant for people: a sentence with what, where and how to mend it; and how such a sentence lists."""

from collections.abc import Sequence

NAMED = 3  # things that a sentence names


class UserError(Exception):
    """Something the user can mend. Command lines print it without a traceback and exit with 1."""


def first_few(names: Sequence[str]) -> str:
    """Return the first names of a list whose length the sentence tells anyway, and a sign where there are more."""
    return ", ".join([*names[:NAMED], *(["…"] if len(names) > NAMED else [])])


def some_of(names: Sequence[str], shown: int = NAMED) -> str:
    """Return the first names of a list, and how many more there are."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")
