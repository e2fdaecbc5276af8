"""What every engine is (`Engine`), its own options (`EngineSettings`), and the callbacks it is given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common.callbacks import Notify
from common.config import Config
from extract.cluster.submission import Submission


class EngineSettings(Config):
    """Options that only some engines have. The description of each field is its help on the command line.

    Fields of one name in two engines must have the same type and description.
    """


@dataclass(frozen=True)
class EngineCallbacks:
    """What an engine calls.

    Attributes:
        report: takes a sentence about what was done.
        warn: takes a sentence about something that the user should look at.
        follow: to be called again and again while workers run; it updates the progress bar.
    """

    report: Notify
    warn: Notify
    follow: Callable[[], None]


@dataclass(frozen=True)
class Engine:
    """A way to start workers.

    Attributes:
        title: its name for people.
        settings: the model of its own options.
        waits: whether `submit` returns only after all workers have ended. The other engines submit a job and return.
        submit: takes the submission, the settings, whether it is a dry run, and the callbacks. An engine that waits
            is not called for a dry run.
    """

    title: str
    settings: type[EngineSettings]
    waits: bool
    submit: Callable[[Submission, Any, bool, EngineCallbacks], None]
