"""A recorded skeleton sequence, the result of all readers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Skeleton:
    """The joints of all persons in a recording.

    The order of the persons is that in which they first appear. The joints of a person who is not seen are NaN.

    Attributes:
        joints: (T, persons, joints, 3) float32, metres, in the camera's space.
        tracking: (T, persons, joints) uint8, the tracking state of each joint: 0 not tracked, 1 inferred, 2 tracked.
            It is 2 if the file has no states, and 0 if the person is not seen.
        body_ids: the names of the persons in the file; "" if it has no names.
        centre: the number of the joint in the middle of the spine.
    """

    joints: NDArray[np.float32]
    tracking: NDArray[np.uint8]
    body_ids: tuple[str, ...]
    centre: int

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(T, persons): whether a person is seen in a frame."""
        seen: NDArray[np.bool_] = ~np.isnan(self.joints[:, :, 0, 0])
        return seen
