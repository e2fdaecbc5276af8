import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from extract.segments import segment_bounds
from extract.skeletons.actors import FEWEST_FRAMES, choose_actors
from extract.skeletons.segment_points import observed_points, pack_points
from extract.skeletons.skeleton import Skeleton

JOINTS, CENTRE = 25, 1
Points = NDArray[np.float32]


def body(chance: np.random.Generator, frames: int, motion: float = 0.1, width: float = 0.4) -> Points:
    """(frames, JOINTS, 3): a body 1.7 m high and `width` wide that moves about by `motion` metres."""
    shape = chance.uniform([-0.5, -0.5, 3.0], [0.5, 0.5, 3.1], (JOINTS, 3)) * [width, 1.7, 1.0]
    shape[:2, 1] = -0.85, 0.85
    return (shape + motion * chance.standard_normal((frames, 1, 3)).cumsum(0)).astype(np.float32)


def skeleton(bodies: list[Points], seen: NDArray[np.bool_]) -> Skeleton:
    """`seen` (T, persons) says who is there when."""
    joints = np.full((*seen.shape, JOINTS, 3), np.nan, np.float32)
    for person, points in enumerate(bodies):
        joints[seen[:, person], person] = points[seen[:, person]]
    tracking = np.where(seen[:, :, None], 2, 0).repeat(JOINTS, 2).astype(np.uint8)
    return Skeleton(joints, tracking, tuple(f"{7 * 10**16 + n}" for n in range(len(bodies))), CENTRE)


@st.composite
def recordings(draw: st.DrawFn) -> Skeleton:
    chance = np.random.default_rng(draw(st.integers(0, 10**6)))
    frames, persons = draw(st.integers(1, 45)), draw(st.integers(1, 4))
    seen = chance.random((frames, persons)) < draw(st.sampled_from([0.2, 0.7, 0.95]))
    seen[chance.integers(frames), 0] = True
    order = np.argsort([np.flatnonzero(column)[0] if column.any() else frames for column in seen.T], kind="stable")
    seen = seen[:, order][:, : int(seen.any(0).sum())]
    return skeleton([body(chance, frames, m) for m in chance.uniform(0, 0.3, seen.shape[1])], seen)


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(0)


def test_one_person_is_the_main_actor(chance: np.random.Generator) -> None:
    seen = np.ones((20, 1), np.bool_)
    seen[5] = False
    tracks = choose_actors(one := skeleton([body(chance, 20)], seen), 20)
    assert tracks.shape == (20, 2, JOINTS, 3)
    assert np.array_equal(tracks[:, 0], one.joints[:, 0], equal_nan=True)
    assert np.isnan(tracks[:, 1]).all() and np.isnan(tracks[5]).all()


def test_who_moves_more_is_the_main_actor(chance: np.random.Generator) -> None:
    still, lively = body(chance, 30, 0.001), body(chance, 30, 0.2)
    tracks = choose_actors(skeleton([still, lively], np.ones((30, 2), np.bool_)), 30)
    assert np.array_equal(tracks[:, 0], lively) and np.array_equal(tracks[:, 1], still)


def test_of_equals_the_first_to_appear_is_the_main_actor(chance: np.random.Generator) -> None:
    twin = body(chance, 30)
    seen = np.ones((30, 2), np.bool_)
    tracks = choose_actors(skeleton([twin, twin], seen), 30)
    assert not np.isnan(tracks).any()
    late = choose_actors(skeleton([body(chance, 5)] * 2, np.array([[1, 0]] + [[1, 1]] * 4, np.bool_)), 1)
    assert not np.isnan(late[:, 0]).any() and np.isnan(late[:, 1]).all()


def test_a_new_name_continues_the_actor_who_was_lost(chance: np.random.Generator) -> None:
    first, second = body(chance, 40), body(chance, 40)
    seen = np.zeros((40, 2), np.bool_)
    seen[:22, 0], seen[24:, 1] = True, True
    tracks = choose_actors(skeleton([first, second], seen), 40)
    assert np.array_equal(tracks[:22, 0], first[:22]) and np.array_equal(tracks[24:, 0], second[24:])
    assert np.isnan(tracks[:, 1]).all()


def test_who_is_seen_beside_both_actors_is_left_out(chance: np.random.Generator) -> None:
    bodies = [body(chance, 30, motion) for motion in (0.3, 0.2, 0.01)]
    tracks = choose_actors(skeleton(bodies, np.ones((30, 3), np.bool_)), 30)
    assert sorted(float(tracks[0, actor, 0, 0]) for actor in range(2)) == sorted(
        float(bodies[person][0, 0, 0]) for person in (0, 1)
    )


def test_a_ghost_of_few_frames_is_left_out_once_enough_was_observed(chance: np.random.Generator) -> None:
    person, ghost = body(chance, 40, 0.05), body(chance, 40, 2.0)
    seen = np.ones((40, 2), np.bool_)
    seen[FEWEST_FRAMES:, 1] = False
    both = skeleton([person, ghost], seen)
    early, late = choose_actors(both, FEWEST_FRAMES), choose_actors(both, FEWEST_FRAMES + 1)
    assert not np.isnan(early[:, 1]).any(), "too early to tell"
    assert np.array_equal(late[:, 0], person[: FEWEST_FRAMES + 1]) and np.isnan(late[:, 1]).all()


def test_a_body_too_wide_for_its_height_is_no_person(chance: np.random.Generator) -> None:
    person, chair = body(chance, 30, 0.02), body(chance, 30, 0.5, width=3.0)
    tracks = choose_actors(skeleton([chair, person], np.ones((30, 2), np.bool_)), 30)
    assert np.array_equal(tracks[:, 0], person) and np.isnan(tracks[:, 1]).all()
    alone = choose_actors(skeleton([chair], np.ones((30, 1), np.bool_)), 30)
    assert np.array_equal(alone[:, 0], chair), "where nobody else is there, it has to be him"


@settings(max_examples=60, deadline=None)
@given(recordings(), st.integers(1, 10), st.integers(0, 10**6))
def test_nothing_looks_ahead(recording: Skeleton, segments: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    observed = observed_points(recording, segments)
    frames = len(recording.joints)
    for n, (_, end) in enumerate(segment_bounds(frames, segments).tolist()):
        changed = recording.joints.copy()
        changed[end:] = np.where(
            chance.random((frames - end, changed.shape[1], 1, 1)) < 0.5, np.nan, changed[end:] * 3 + 1
        )
        other = observed_points(Skeleton(changed, recording.tracking, recording.body_ids, CENTRE), segments)
        for ours, theirs in zip(observed[: n + 1], other[: n + 1], strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_the_legacy_choice_does_look_ahead(chance: np.random.Generator) -> None:
    still, late = body(chance, 60, 0.01), body(chance, 60, 0.01)
    late[40:] += np.linspace(0, 3, 20, dtype=np.float32)[:, None, None]
    recording = skeleton([still, late], np.ones((60, 2), np.bool_))
    here, there = observed_points(recording, 10), observed_points(recording, 10, legacy_sequence_actors=True)
    assert not np.array_equal(here[0][1], there[0][1])
    assert np.array_equal(here[-1][0], there[-1][0]), "at the end everything has been observed"


@settings(max_examples=60, deadline=None)
@given(recordings(), st.integers(1, 10))
def test_stretches_are_laid_out_whole(recording: Skeleton, segments: int) -> None:
    observed = observed_points(recording, segments)
    points, stretches = pack_points(observed)
    assert stretches.shape == (segments, 2, 4) and points.dtype == np.float32
    for (so_far, alone), rows in zip(observed, stretches.tolist(), strict=True):
        for piece, (first, frames, joints, actors) in zip((alone, so_far), rows, strict=True):
            laid = points[first : first + frames * joints * actors].reshape(frames, actors, joints, 3)
            assert np.array_equal(laid, piece) and np.isfinite(laid).all() and frames > 0


def test_one_person_is_laid_out_once(chance: np.random.Generator) -> None:
    points, _ = pack_points(observed_points(skeleton([body(chance, 50)], np.ones((50, 1), np.bool_)), 10))
    assert len(points) == 50 * JOINTS


def test_the_origin_is_the_spine_of_the_first_frame(chance: np.random.Generator) -> None:
    points = body(chance, 12)
    (so_far, alone), *_, (whole, _) = observed_points(skeleton([points], np.ones((12, 1), np.bool_)), 4)
    assert np.array_equal(so_far, alone) and so_far.shape == (3, 1, JOINTS, 3)
    assert np.array_equal(whole[:, 0], points - points[0, CENTRE])


def test_frames_without_anybody_are_left_out(chance: np.random.Generator) -> None:
    points, seen = body(chance, 20), np.zeros((20, 1), np.bool_)
    seen[7:10], seen[16:] = True, True
    observed = observed_points(skeleton([points], seen), 5)
    sizes = [(len(so_far), len(alone)) for so_far, alone in observed]
    assert sizes == [(1, 1), (1, 1), (3, 2), (3, 1), (7, 4)]
    assert not observed[0][1].any(), "nobody yet: the origin"
    assert np.array_equal(observed[3][1], observed[2][0][-1:]), "nobody in it: the last frame before it"
