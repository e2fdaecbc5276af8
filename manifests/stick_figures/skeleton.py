"""The body: twenty joints in the order of Kinect v1 and UTD-MHAD, placed from poses by inverse kinematics.

The axes of every position, in metres: x to the performer's left, y up from the floor, z in the direction that the
performer faces.
"""

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

JOINTS = (
    *("hip_center", "spine", "shoulder_center", "head"),
    *("left_shoulder", "left_elbow", "left_wrist", "left_hand"),
    *("right_shoulder", "right_elbow", "right_wrist", "right_hand"),
    *("left_hip", "left_knee", "left_ankle", "left_foot"),
    *("right_hip", "right_knee", "right_ankle", "right_foot"),
)
LEFT, RIGHT = 1.0, -1.0  # the sign of a side on the x axis

_ELBOWS_POINT = (0.5, -0.6, -0.6)  # outward, down, back
_KNEES_POINT = (0.1, 0.3, 1.0)  # forward; upward if the leg is level
_STRETCH = 0.995  # a limb is never quite straight, so that the direction in which it bends is defined


@dataclass(frozen=True)
class Body:
    """Lengths of one performer's body, in metres."""

    thigh: float = 0.43
    shin: float = 0.42
    foot: float = 0.17
    ankle_height: float = 0.08
    hip_width: float = 0.20
    spine: float = 0.24  # hip centre to spine, and a quarter more from there to the shoulder centre
    shoulder_width: float = 0.38
    upper_arm: float = 0.29
    forearm: float = 0.26
    hand: float = 0.08
    neck: float = 0.23  # shoulder centre to the middle of the head


@dataclass(frozen=True)
class Pose:
    """The position of trunk, hands and feet; the defaults are the pose at rest.

    Attributes:
        lean: the forward angle of the trunk in radians.
        crouch: how much lower the hips are, in leg lengths.
        hips: how far the hips are moved forward, in leg lengths.
        lift: the height of the body above the floor in leg lengths.
        right_hand: the wrist relative to its shoulder (outward, up, forward), in arm lengths.
        left_hand: the same for the left hand.
        right_foot: the ankle relative to its position at rest (outward, up, forward), in leg lengths.
        left_foot: the same for the left foot.
    """

    lean: float = 0.03
    crouch: float = 0.01
    hips: float = 0.0
    lift: float = 0.0
    right_hand: tuple[float, float, float] = (0.14, -0.95, 0.08)
    left_hand: tuple[float, float, float] = (0.14, -0.95, 0.08)
    right_foot: tuple[float, float, float] = (0.0, 0.0, 0.0)
    left_foot: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def vector(self) -> Floats:
        """Return the pose as (16,) numbers in the order of the attributes."""
        return np.hstack(astuple(self))


POSE_SIZE = len(Pose().vector())


def place_joints(poses: Floats, body: Body) -> Floats:
    """Return the joints (T, 20, 3) in metres of a body in the poses (T, 16). The bones keep the lengths of the body."""
    lean, crouch, hips, lift = poses[:, :4].T
    right_hand, left_hand, right_foot, left_foot = (poses[:, column : column + 3] for column in (4, 7, 10, 13))
    leg, nothing = body.thigh + body.shin, np.zeros(len(poses))

    hip_center = np.stack([nothing, body.ankle_height + leg * (_STRETCH - crouch + lift), leg * hips], axis=1)
    spine = hip_center + body.spine * _upward(0.8 * lean)
    shoulder_center = spine + 1.25 * body.spine * _upward(1.1 * lean)
    head = shoulder_center + body.neck * _upward(0.8 * lean)
    return np.stack(
        [
            *(hip_center, spine, shoulder_center, head),
            *_arm(shoulder_center, left_hand, LEFT, body),
            *_arm(shoulder_center, right_hand, RIGHT, body),
            *_leg(hip_center, left_foot, lift, LEFT, body),
            *_leg(hip_center, right_foot, lift, RIGHT, body),
        ],
        axis=1,
    )


def _upward(lean: Floats) -> Floats:
    return np.stack([np.zeros_like(lean), np.cos(lean), np.sin(lean)], axis=1)


def _arm(shoulder_center: Floats, reach: Floats, side: float, body: Body) -> tuple[Floats, ...]:
    outward = np.array([side, 1.0, 1.0])
    shoulder = shoulder_center + outward * (body.shoulder_width / 2, -0.04, 0.0)
    target = shoulder + outward * reach * (body.upper_arm + body.forearm)
    elbow, wrist = _bend(shoulder, target, body.upper_arm, body.forearm, outward * _ELBOWS_POINT)
    return shoulder, elbow, wrist, wrist + (wrist - elbow) * (body.hand / body.forearm)


def _leg(hip_center: Floats, step: Floats, lift: Floats, side: float, body: Body) -> tuple[Floats, ...]:
    outward, leg = np.array([side, 1.0, 1.0]), body.thigh + body.shin
    hip = hip_center + outward * (body.hip_width / 2, 0.0, 0.0)
    target = outward * (leg * step + (0.6 * body.hip_width, body.ankle_height, 0.0))
    target[:, 1] += leg * lift
    knee, ankle = _bend(hip, target, body.thigh, body.shin, outward * _KNEES_POINT)
    toes = np.array([0.3 * side, -0.4, 1.0])
    return hip, knee, ankle, ankle + body.foot * toes / np.linalg.norm(toes)


def _bend(root: Floats, target: Floats, upper: float, lower: float, pole: Floats) -> tuple[Floats, Floats]:
    """Return the middle and the end joint (T, 3) of a limb from root towards target that bends towards pole."""
    way = target - root
    distance = np.linalg.norm(way, axis=1, keepdims=True)
    direction = way / distance
    distance = np.clip(distance, 0.3 * (upper + lower), _STRETCH * (upper + lower))
    aside = pole - (direction @ pole)[:, None] * direction
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    middle = root + along * direction + np.sqrt(upper**2 - along**2) * aside
    return middle, root + distance * direction
