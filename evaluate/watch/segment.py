"""The feature of one segment of a live stream."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Segment:
    """The feature of a segment.

    Attributes:
        number: of the segment, from 0, since the last beginning.
        features: (D,) float32.
        time: of the last frame in it, on the clock of the stream.
        captured: when that frame arrived, in seconds of `time.monotonic`.
        missing: how many of the network's frames had not arrived and were replaced by their neighbours.
    """

    number: int
    features: NDArray[np.float32]
    time: float
    captured: float
    missing: int = 0
