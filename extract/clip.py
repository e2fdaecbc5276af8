"""What one clip's features are made of, of a video or of a skeleton: plain arrays that go between processes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class DecodeError(Exception):
    """Why a clip has no features: one reason, for the failure ledger."""


@dataclass(frozen=True)
class Clip:
    """The recorded part of one clip that its features need, and which of it each segment is made of.

    Attributes:
        content: of a video (U, H, W, 3) uint8 RGB, each frame once; of a skeleton (P, 3) float32 points in metres.
        segments: int64: of a video (N, F) which frames stand where; of a skeleton (N, 2, 4) two stretches for each
            segment, itself and the whole beginning up to its end: first point, frames, joints of an actor, actors.
        num_frames: how many frames the recording really has.
        centre: of a skeleton, which joint is the middle of the spine: it tells orders of 20 joints apart; of a video 0.
    """

    content: NDArray[np.uint8] | NDArray[np.float32]
    segments: NDArray[np.int64]
    num_frames: int
    centre: int = 0
