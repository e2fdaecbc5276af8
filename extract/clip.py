"""A decoded clip, of a video or of a skeleton recording: plain arrays that are sent between processes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MISSING_FILE = "the file does not exist"  # a reason in the ledger; such a clip is taken again once its file is there


class DecodeError(Exception):
    """The reason why a clip has no features, for the failure ledger."""


@dataclass(frozen=True)
class Clip:
    """The frames or points that a clip's features need, and which of them belong to each segment.

    Attributes:
        content: of a video (U, H, W, 3) uint8 RGB, each frame once; of a skeleton (P, 3) float32 points in metres.
        segments: int64. Of a video (N, F): indices into `content`. Of a skeleton (N, 2, 4): for each segment two
            stretches of points, the segment itself and the beginning up to its end, each as first point, number of
            frames, number of an actor's joints, number of actors.
        num_frames: number of frames of the whole recording.
        centre: of a skeleton, the joint in the middle of the spine, which differs between orders of 20 joints; of a
            video 0.
        resized: the frames have the size that the network sees.
        num_segments: M, how many of the N segments the clip has. A network always gets N segments, so that its batches
            keep their shape; the others repeat the last one and have no features. None: it has all of them.
    """

    content: NDArray[np.uint8] | NDArray[np.float32]
    segments: NDArray[np.int64]
    num_frames: int
    centre: int = 0
    resized: bool = False
    num_segments: int | None = None
