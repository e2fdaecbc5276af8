"""The one exception meant for people: a sentence with what, where and how to mend it."""


class UserError(Exception):
    """Something the user can mend. Command lines print it without a traceback and exit with 1."""
