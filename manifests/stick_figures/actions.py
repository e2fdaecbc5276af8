"""The ten actions in four families, and the motion of a clip.

The actions of a family begin with the same opening movement and differ from the clip's branch frame on. Before its
start frame, every clip shows a figure at rest. Everything random comes from `variation`, which does not depend on the
action.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from manifests.stick_figures.skeleton import Body, Floats, Pose, place_joints
from manifests.stick_figures.variation import ClipVariation

Prop = Literal["cup", "phone", "box"]


@dataclass(frozen=True)
class Action:
    """One class.

    Attributes:
        name: the name of the class.
        family: the key in `OPENINGS` of the opening movement.
        poses: the poses after the opening, one per beat, repeated until the clip ends; a single one is held.
        prop: the object that appears in the hands at the branch frame.
    """

    name: str
    family: str
    poses: tuple[Pose, ...]
    prop: Prop | None = None


_BEND = Pose(lean=0.85, crouch=0.22, hips=-0.16, right_hand=(0.05, -0.8, 0.3), left_hand=(0.05, -0.8, 0.3))
_SPREAD = Pose(right_hand=(0.95, 0.05, 0.2), left_hand=(0.95, 0.05, 0.2))
_KNEE_UP = Pose(lean=0.0, right_foot=(0.0, 0.48, 0.22), right_hand=(0.45, -0.75, 0.1), left_hand=(0.45, -0.75, 0.1))

OPENINGS = {
    "reach": Pose(right_hand=(0.05, -0.15, 0.75)),
    "bend": _BEND,
    "spread": _SPREAD,
    "knee_up": _KNEE_UP,
}

# The class order: an action's index is its label.
ACTIONS = (
    Action(
        "drink",
        "reach",
        (
            Pose(lean=-0.12, right_hand=(-0.22, 0.25, 0.42)),
            Pose(right_hand=(-0.15, -0.35, 0.5)),
        ),
        prop="cup",
    ),
    Action(
        "phone",
        "reach",
        (Pose(lean=0.1, right_hand=(0.05, 0.32, 0.12), left_hand=(0.05, -0.45, 0.35)),),
        prop="phone",
    ),
    Action(
        "wave",
        "reach",
        (Pose(right_hand=(0.6, 0.7, 0.1)), Pose(right_hand=(-0.05, 0.9, 0.15))),
    ),
    Action(
        "pick_up",
        "bend",
        (Pose(lean=-0.08, right_hand=(-0.1, -0.3, 0.65), left_hand=(-0.1, -0.3, 0.65)),),
        prop="box",
    ),
    Action(
        "tie_shoe",
        "bend",
        tuple(
            Pose(
                lean=0.75,
                crouch=0.48,
                hips=-0.1,
                right_foot=(0.0, 0.06, -0.5),
                left_foot=(0.0, 0.0, 0.2),
                right_hand=(-0.35, -0.85 + pull, 0.15),
                left_hand=(0.0, -0.85 + pull, 0.15),
            )
            for pull in (0.0, 0.35)
        ),
    ),
    Action(
        "jump",
        "bend",
        (
            Pose(lean=0.0, lift=0.14, right_hand=(0.35, 0.85, 0.1), left_hand=(0.35, 0.85, 0.1)),
            Pose(lean=0.5, crouch=0.2, hips=-0.1, right_hand=(0.2, -0.7, -0.4), left_hand=(0.2, -0.7, -0.4)),
        ),
    ),
    Action(
        "clap",
        "spread",
        (Pose(right_hand=(-0.28, 0.85, 0.25), left_hand=(-0.28, 0.85, 0.25)), _SPREAD),
    ),
    Action(
        "hug",
        "spread",
        tuple(Pose(lean=lean, right_hand=(-0.55, -0.2, 0.42), left_hand=(-0.55, -0.05, 0.48)) for lean in (0.2, -0.05)),
    ),
    Action(
        "kick",
        "knee_up",
        (
            Pose(lean=-0.3, right_foot=(0.0, 0.8, 0.95), right_hand=(0.5, -0.6, -0.3), left_hand=(0.5, -0.5, 0.4)),
            _KNEE_UP,
        ),
    ),
    Action(
        "lunge",
        "knee_up",
        (
            Pose(
                lean=0.15,
                crouch=0.28,
                hips=0.25,
                right_foot=(0.0, 0.0, 0.72),
                left_foot=(0.0, 0.05, -0.4),
                right_hand=(0.4, -0.35, 0.05),
                left_hand=(0.4, -0.35, 0.05),
            ),
        ),
    ),
)


def joint_positions(action: Action, body: Body, clip: ClipVariation) -> Floats:
    """Return the joints (T, 20, 3) in metres of a body that performs an action, in the order and axes of `skeleton`.

    With the same variation, frames before `clip.start_frame` are equal for all actions, and frames before
    `clip.branch_frame` are equal for the actions of a family. Each of the two frames is the first that differs.
    """
    return place_joints(_poses_at_keys(action, clip) + clip.posture(), body)


def _poses_at_keys(action: Action, clip: ClipVariation) -> Floats:
    """Return the poses (T, 16), interpolated between key poses with a sine that starts fast and ends slowly."""
    beats = -(-(clip.num_frames - clip.branch_frame) // clip.beat)
    taken = [action.poses[beat % len(action.poses)] for beat in range(beats)]
    keys = np.stack([pose.vector() for pose in (Pose(), OPENINGS[action.family], *taken)])
    # The first frame of a movement differs from its key pose, so the movement begins one frame earlier.
    leaving = np.array([clip.start_frame, *range(clip.branch_frame, clip.num_frames, clip.beat)]) - 1
    lasting = np.diff(leaving, append=leaving[-1] + clip.beat)
    frame = np.arange(clip.num_frames)
    movement = np.maximum(np.searchsorted(leaving, frame, side="right") - 1, 0)
    done = np.sin(np.clip((frame - leaving[movement]) / lasting[movement], 0, 1) * np.pi / 2)[:, None]
    poses: Floats = (1 - done) * keys[movement] + done * keys[movement + 1]
    return poses
