"""The frames that the actions of a family share, and the first that differ, in joints and in pictures."""

import itertools
from dataclasses import fields

import numpy as np
import pytest

from manifests.stick_figures.actions import ACTIONS, OPENINGS, joint_positions
from manifests.stick_figures.drawing import draw_frames
from manifests.stick_figures.skeleton import JOINTS, Body
from manifests.stick_figures.variation import draw_performer, draw_variation

SIZE = (64, 48)
PAIRS = list(itertools.combinations(ACTIONS, 2))
pair = pytest.mark.parametrize(("one", "other"), PAIRS, ids=[f"{a.name}-{b.name}" for a, b in PAIRS])


def variation_and_performer(seed):
    return draw_variation(np.random.default_rng(seed)), draw_performer(np.random.default_rng(seed))


def first_difference(one, other):
    """The first frame, on the first axis, in which two arrays differ."""
    return int(np.flatnonzero((one != other).reshape(len(one), -1).any(axis=1))[0])


@pair
def test_joints_part_exactly_where_the_clip_says(one, other):
    for seed in range(20):
        clip, performer = variation_and_performer(seed)
        joints = [joint_positions(action, performer.body, clip) for action in (one, other)]
        parting = clip.branch_frame if one.family == other.family else clip.start_frame
        assert first_difference(*joints) == parting


@pair
def test_pictures_part_no_earlier_and_soon_after(one, other):
    clip, performer = variation_and_performer(5)
    frames = [np.stack(list(draw_frames(action, performer, clip, SIZE))) for action in (one, other)]
    parting = clip.branch_frame if one.family == other.family else clip.start_frame
    assert frames[0].shape == (clip.num_frames, 48, 64, 3)
    assert parting <= first_difference(*frames) <= parting + 2
    different = (np.abs(frames[0].astype(int) - frames[1]) > 30).any(axis=3).sum(axis=(1, 2))
    assert different[parting + 4] >= 20  # pixels; the performer covers about 250


def test_families_have_at_least_two_members_and_every_opening_is_used():
    families = [action.family for action in ACTIONS]
    assert set(families) == set(OPENINGS)
    assert min(families.count(family) for family in OPENINGS) >= 2
    assert len({action.name for action in ACTIONS}) == len(ACTIONS) >= 8


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_bones_keep_their_length_and_nobody_sinks_into_the_floor(action):
    clip, performer = variation_and_performer(1)
    body = performer.body
    joints = dict(zip(JOINTS, joint_positions(action, body, clip).transpose(1, 0, 2), strict=True))
    assert len(joints) == 20
    for start, end, length in [
        *((f"{side}_hip", f"{side}_knee", body.thigh) for side in ("left", "right")),
        *((f"{side}_knee", f"{side}_ankle", body.shin) for side in ("left", "right")),
        *((f"{side}_ankle", f"{side}_foot", body.foot) for side in ("left", "right")),
        *((f"{side}_shoulder", f"{side}_elbow", body.upper_arm) for side in ("left", "right")),
        *((f"{side}_elbow", f"{side}_wrist", body.forearm) for side in ("left", "right")),
        *((f"{side}_wrist", f"{side}_hand", body.hand) for side in ("left", "right")),
        ("hip_center", "spine", body.spine),
    ]:
        np.testing.assert_allclose(np.linalg.norm(joints[end] - joints[start], axis=1), length, atol=1e-9)
    for joint in joints.values():
        assert joint[:, 1].min() > -0.05
        assert joint[:, 1].max() < 2.6


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_knees_bend_forward(action):
    clip, performer = variation_and_performer(2)
    joints = joint_positions(action, performer.body, clip)
    for hip, knee, ankle in ((12, 13, 14), (16, 17, 18)):
        thigh, shin = joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee]
        # About the x axis, to the performer's left: a shin turns back against its thigh, never forward.
        assert np.cross(thigh, shin)[:, 0].min() > 0


def test_variation_stays_in_its_ranges():
    for seed in range(300):
        clip = draw_variation(np.random.default_rng(seed))
        assert clip.num_frames // 10 + 2 <= clip.start_frame <= 0.3 * clip.num_frames
        assert 0.35 * clip.num_frames <= clip.branch_frame <= 0.6 * clip.num_frames
        assert clip.branch_frame - clip.start_frame >= 5


def test_performers_differ():
    one, other = (draw_performer(np.random.default_rng(seed)) for seed in (0, 1))
    assert all(getattr(one.body, field.name) != getattr(other.body, field.name) for field in fields(Body))
    assert one.colours != other.colours
