"""Which training subjects validate where a protocol has no validation part, and what the protocol is then called.

Published results count training and validation together, so a data set's default hold-out keeps the protocol's
plain name; any other choice is part of the name. Which default, and why, stands with each data set.
"""

from collections.abc import Collection

from common.errors import UserError


def hold_out(
    protocol: str, training: Collection[int], default: Collection[int], chosen: Collection[int] | None
) -> tuple[frozenset[int], str]:
    """Return the subjects held out for validation, and the protocol's name with them.

    Args:
        protocol: its plain name.
        training: the subjects that the protocol trains on.
        default: the data set's choice among them.
        chosen: the user's; None: the default. None at all (empty) sets nothing apart and keeps the plain name.

    Raises:
        UserError: a chosen subject is not a training subject.
    """
    subjects = frozenset(default if chosen is None else chosen)
    wrong = sorted(subjects - frozenset(training))
    if wrong:
        raise UserError(f"subject {wrong[0]} is not a training subject of {protocol}; hold out training subjects only")
    if not subjects or subjects == frozenset(default):
        return subjects, protocol
    return subjects, "-".join([protocol, "holdout", *map(str, sorted(subjects))])
