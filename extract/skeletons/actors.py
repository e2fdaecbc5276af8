"""Who acts: of the bodies a recording has, the main actor and the second one, decided from what was observed so far.

What the VA repository (data/ntu/get_raw_denoised_data.py) does once with the whole recording is done here at the end of
every segment with the recording up to there, as if it had stopped: nothing looks ahead.
"""

import numpy as np
from numpy.typing import NDArray

from extract.skeletons.skeleton import Skeleton

FEWEST_FRAMES = 11  # who is not seen more often is a ghost, once more than so many frames have been observed
WIDEST = 0.8  # a body wider than so many times its height is no person …
OFTEN = 0.69754  # … where that is so in so large a share of its frames

ACTORS = 2


def choose_actors(skeleton: Skeleton, end: int) -> NDArray[np.float32]:
    """Decide who acts in the first `end` frames.

    Bodies are ranked by their motion so far, of equals the one that appeared first; ghosts are left out unless nobody
    else is there. The tracker gives somebody whom it lost a new name: the best body is the main actor; each further
    one continues the main actor where the two are never seen together, else the second actor, else it is left out.

    Returns:
        (end, 2, joints, 3) float32: main and second actor, NaN where not seen.
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
    """The persons seen, without ghosts, the one who moved most first."""
    bodies = {person: joints[seen[:, person], person] for person in np.flatnonzero(seen.any(axis=0)).tolist()}
    if len(bodies) < 2:
        return list(bodies)
    if len(joints) > FEWEST_FRAMES:
        bodies = _unless_all(bodies, {p for p, body in bodies.items() if len(body) <= FEWEST_FRAMES})
    good = {person: ~_too_wide(body) for person, body in bodies.items()}
    bodies = _unless_all(bodies, {person for person in bodies if 1 - good[person].mean() >= OFTEN})
    motion = {person: min(_motion(body), _motion(body[good[person]])) for person, body in bodies.items()}
    return sorted(bodies, key=lambda person: -motion[person])


def _unless_all(bodies: dict[int, NDArray[np.float32]], ghosts: set[int]) -> dict[int, NDArray[np.float32]]:
    return {person: body for person, body in bodies.items() if person not in ghosts or len(ghosts) == len(bodies)}


def _too_wide(body: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(frames,): x-range against y-range of the joints of each frame, (frames, joints, 3)."""
    width, height, _ = np.ptp(body, axis=1).T
    wide: NDArray[np.bool_] = width > WIDEST * height
    return wide


def _motion(body: NDArray[np.float32]) -> float:
    """Variance over frames and joints, summed over x, y, z; without frames there is nothing to compare with."""
    return float(body.reshape(-1, 3).var(axis=0, dtype=np.float64).sum()) if len(body) else np.inf
