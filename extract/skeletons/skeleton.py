"""A recorded skeleton sequence, whatever file it was read from. Readers and the choice of actors are beside it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Skeleton:
    """Joints of everybody in a recording.

    Persons stand in the order in which they first appear. Where somebody is not seen, the joints are NaN.

    Attributes:
        joints: (T, persons, joints, 3) float32, metres, in the camera's space.
        tracking: (T, persons, joints) uint8, what the file says of each joint: 0 not tracked, 1 inferred, 2 tracked;
            2 where the file says nothing; 0 where the person is not seen.
        body_ids: the persons' names in the file; "" where it names nobody.
        centre: which joint is the middle of the spine.
    """

    joints: NDArray[np.float32]
    tracking: NDArray[np.uint8]
    body_ids: tuple[str, ...]
    centre: int

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(T, persons): who is seen when."""
        seen: NDArray[np.bool_] = ~np.isnan(self.joints[:, :, 0, 0])
        return seen
