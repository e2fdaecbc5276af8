"""Hold out training subjects for validation if a protocol has no validation split, and name the protocol.

Published results count training and validation clips together. So with the default hold-out of a data set, a protocol
keeps its name; any other choice becomes part of the name. The file of each data set has its default.
"""

from collections.abc import Collection

from common.errors import UserError


def hold_out(
    protocol: str, training: Collection[int], default: Collection[int], chosen: Collection[int] | None
) -> tuple[frozenset[int], str]:
    """Return the subjects held out for validation, and the protocol's name with them.

    Args:
        protocol: its name without a hold-out.
        training: the training subjects of the protocol.
        default: the data set's choice among them.
        chosen: the user's choice; None: the default. An empty choice holds out no subject and keeps the name.

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
