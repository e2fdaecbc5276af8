"""Persons keep their numbers, and no frame's skeletons depend on later frames."""

import numpy as np
import pytest

from extract.poses.tracker import PoseTracker
from extract.poses.video import poses_of_frames
from tests.extract.poses.conftest import ColouredSquares, draw

RED, GREEN, BLUE = range(3)
STILL = [(RED, 40, 60), (GREEN, 120, 60)]


def numbers(frames: list[list[tuple[int, float, float]]], persons: int) -> list[list[int | None]]:
    """By frame, the colour of the person of each number, told by the place of the hips."""
    tracker = PoseTracker(ColouredSquares(), persons)
    rows = []
    for drawn in frames:
        row: list[int | None] = []
        for person in tracker(draw(drawn)):
            near = [] if person is None else [c for c, x, y in drawn if np.hypot(*(person.hips - (x, y))) < 6]
            row.append(near[0] if near else None)
        rows.append(row)
    return rows


def test_one_person_is_followed_and_the_detector_looks_once(networks: ColouredSquares) -> None:
    tracker = PoseTracker(networks)
    for frame in range(12):
        (person,) = tracker(draw([(RED, 40 + 4 * frame, 60)]))
        assert person is not None
        np.testing.assert_allclose(person.hips, [40 + 4 * frame, 60], atol=1.5)
    assert networks.looks == 1


def test_two_persons_have_two_numbers_and_a_third_has_none() -> None:
    assert numbers([[*STILL, (BLUE, 80, 20)]] * 3, 2) == [[RED, GREEN]] * 3


def test_who_comes_back_gets_the_same_number() -> None:
    frames = [STILL, STILL, STILL[1:], STILL[1:], STILL, STILL]
    assert numbers(frames, 2) == [[RED, GREEN], [RED, GREEN], [None, GREEN], [None, GREEN], [RED, GREEN], [RED, GREEN]]
    both_back = [STILL, [], [], STILL[1:], STILL]
    assert numbers(both_back, 2) == [[RED, GREEN], [None] * 2, [None] * 2, [None, GREEN], [RED, GREEN]]


def test_another_person_gets_a_number_that_nobody_has_had() -> None:
    assert numbers([STILL[:1], [], [(BLUE, 130, 60)], STILL[:1]], 2)[2:] == [[None, BLUE], [RED, None]]


def test_two_tracks_of_one_person_become_one() -> None:
    """Red goes to where green stands, and green disappears under it."""
    frames = [[(RED, 40 + 8 * step, 60), (GREEN, 120, 60)] for step in range(9)] + [[(RED, 118, 60)]] * 3
    assert numbers(frames, 2)[-1].count(None) == 1


@pytest.mark.parametrize("coordinates", ["world", "image"])
@pytest.mark.parametrize("persons", [1, 2])
def test_no_frame_depends_on_later_frames(coordinates: str, persons: int) -> None:
    random = np.random.default_rng(1)
    frames = [draw([(colour, *random.uniform(10, 110, 2)) for colour in range(3)]) for _ in range(14)]
    frames += [draw([(RED, 40 + step, 60), (GREEN, 120 - step, 60)]) for step in range(8)]

    def poses(frames: list[np.ndarray]) -> np.ndarray:
        return np.stack(list(poses_of_frames(frames, ColouredSquares(), persons, coordinates)))

    whole = poses(frames)
    assert whole.shape == (22, persons, 33, 4) and 0 < np.isnan(whole).mean() < 1
    for cut in (1, 7, 15, 21):
        assert poses(frames[:cut]).tobytes() == whole[:cut].tobytes()
        changed = poses(frames[:cut] + [random.integers(0, 256, frame.shape, np.uint8) for frame in frames[cut:]])
        assert changed[:cut].tobytes() == whole[:cut].tobytes()
