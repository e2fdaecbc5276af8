"""What `watch` yields: a prediction after each segment of a source, a notice, a picture, or the end of a source."""

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SECRETS = "access_token|api_?key|auth|key|pass|passwd|password|pwd|secret|sig|signature|token"


def shown_name(source: str) -> str:
    """Return a source as outputs show it: a URL without its password, also where that is a part of its query."""
    shown = re.sub(r"(?<=://)[^/?#\s]*@", "", source)
    return re.sub(rf"(?i)([?&;](?:{SECRETS})=)[^&;#\s]*", r"\1***", shown) if "://" in shown else shown


class Decided(NamedTuple):
    """A decision: the class, its probability at that moment, and the moment.

    Attributes:
        name: the class.
        probability: of the class.
        level: after how many segments of the episode.
        time: on the clock of the stream, in seconds.
    """

    name: str
    probability: float
    level: int
    time: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is known after a segment.

    Attributes:
        source: as the user gave it, without a password.
        episode: which one, from 0. An episode ends after N segments, and wherever everything starts anew.
        level: how many segments of the episode were seen, 1 … N.
        time: of the last frame that was used, on the clock of the stream, in seconds.
        classes: the names of the classes.
        probabilities: (C,).
        decision: of the episode; None: not yet.
        is_new: the decision was made with this segment.
        age: seconds from the arrival of the last frame that was used to this prediction.
        dropped: frames that were dropped since the last prediction, because the network was too slow.
        missing: frames of the segment that were replaced by their neighbours.
        skipped: segments since the last prediction of which no frame was left.
    """

    source: str
    episode: int
    level: int
    time: float
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    decision: Decided | None
    is_new: bool
    age: float
    dropped: int = 0
    missing: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class SourceNotice:
    """A sentence about a source, such as why everything starts anew."""

    source: str
    sentence: str


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame for people, (H, W, 3) uint8 RGB, at `time` of the stream."""

    source: str
    time: float
    frame: NDArray[np.uint8]


@dataclass(frozen=True)
class SourceEnded:
    """A source has ended. The reason is "" if it did so by itself."""

    source: str
    reason: str


Event = Prediction | SourceNotice | Picture | SourceEnded
