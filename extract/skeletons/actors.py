"""Which of the bodies in a recording are the main actor and the second actor, chosen from what was observed so far.

The VA repository (data/ntu/get_raw_denoised_data.py) chooses once, from the whole recording. Here the same rule is
applied at the end of every segment, to the recording up to that point, so the choice does not depend on the future.
"""

import numpy as np
from numpy.typing import NDArray

from extract.skeletons.skeleton import Skeleton

FEWEST_FRAMES = 11  # a body that is seen in no more frames is no person, once more frames than these were observed
WIDEST = 0.8  # a body is too wide in a frame if its width is more than this times its height
OFTEN = 0.69754  # a body is no person if it is too wide in this share of its frames

ACTORS = 2


def choose_actors(skeleton: Skeleton, end: int) -> NDArray[np.float32]:
    """Choose the actors of the first `end` frames.

    Bodies are ranked by their motion so far; of two equal ones the body that appeared first comes first. Bodies that
    are no persons are left out, unless there are no others. The first body is the main actor. The tracker gives a
    person that it lost a new name, so each further body continues the main actor if the two are never seen together.
    Otherwise it becomes or continues the second actor, or is left out if that is not possible either.

    Returns:
        (end, 2, joints, 3) float32: main and second actor, NaN where an actor is not seen.
    """
    joints, seen = skeleton.joints[:end], skeleton.seen[:end]
    tracks = np.full((end, ACTORS, *joints.shape[2:]), np.nan, np.float32)
    taken = np.zeros((end, ACTORS), np.bool_)
    for person in _ranked(joints, seen):
        here = seen[:, person]
        free = [actor for actor in range(ACTORS) if not (taken[:, actor] & here).any()]
        if free:
            tracks[here, free[0]] = joints[here, person]
            taken[here, free[0]] = True
    return tracks


def _ranked(joints: NDArray[np.float32], seen: NDArray[np.bool_]) -> list[int]:
    """Return the persons that are seen, the one with the most motion first."""
    bodies = {person: joints[seen[:, person], person] for person in np.flatnonzero(seen.any(axis=0)).tolist()}
    if len(bodies) < 2:
        return list(bodies)
    if len(joints) > FEWEST_FRAMES:
        bodies = _without(bodies, {p for p, body in bodies.items() if len(body) <= FEWEST_FRAMES})
    good = {person: ~_too_wide(body) for person, body in bodies.items()}
    bodies = _without(bodies, {person for person in bodies if 1 - good[person].mean() >= OFTEN})
    motion = {person: min(_motion(body), _motion(body[good[person]])) for person, body in bodies.items()}
    return sorted(bodies, key=lambda person: -motion[person])


def _without(bodies: dict[int, NDArray[np.float32]], no_persons: set[int]) -> dict[int, NDArray[np.float32]]:
    """Return the bodies without those that are no persons; all of them if none would be left."""
    all_go = len(no_persons) == len(bodies)
    return {number: body for number, body in bodies.items() if number not in no_persons or all_go}


def _too_wide(body: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (frames,): whether the x-range of the joints (frames, joints, 3) is too large for their y-range."""
    width, height, _ = np.ptp(body, axis=1).T
    wide: NDArray[np.bool_] = width > WIDEST * height
    return wide


def _motion(body: NDArray[np.float32]) -> float:
    """Return the variance over frames and joints, summed over x, y, z; infinity if there are no frames."""
    return float(body.reshape(-1, 3).var(axis=0, dtype=np.float64).sum()) if len(body) else np.inf
