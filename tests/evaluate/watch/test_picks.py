"""Which frames are seen: in seconds as in frames, without later ones, and anew after a gap."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.watch.picks import LiveFrame, Pick, pick_by_time, pick_known_length
from extract.segments import SegmentTime, frame_indices, timed_frames


def stream(times: list[float]) -> list[LiveFrame]:
    return [LiveFrame(time, number, lambda: np.zeros((1, 1, 3), np.uint8)) for number, time in enumerate(times)]


def numbers(picks: list[Pick]) -> list[int]:
    """Return the number of the frame in each place."""
    return [int(pick.frame.captured) for pick in picks for _ in pick.places]


@given(
    length=st.integers(1, 12),
    segments=st.integers(1, 12),
    frames=st.integers(1, 16),
    rate=st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(15)]),
    start=st.floats(0, 1e5),
)
def test_seconds_choose_the_frames_that_an_extraction_chooses(
    length: int, segments: int, frames: int, rate: Fraction, start: float
) -> None:
    total = length * segments
    times = [start + float(number / rate) for number in range(total)]
    if total == 1:
        return  # one frame is shown for no known time
    picks = list(pick_by_time(stream(times), float(length / rate), frames))
    expected = frame_indices(total, segments, frames).ravel().tolist()
    found = numbers(picks)
    assert [place for pick in picks for place in pick.places] == list(range(len(found)))
    assert len(found) == len(expected)
    assert np.abs(np.array(found) - expected).max() <= (1 if start > 1000 else 0)  # times of large numbers are rounded


@given(total=st.integers(1, 60), segments=st.integers(1, 12), frames=st.integers(1, 8))
def test_a_known_length_gives_the_frames_of_an_extraction(total: int, segments: int, frames: int) -> None:
    picks = list(pick_known_length(stream([float(n) for n in range(total)]), total, segments, frames))
    expected = frame_indices(total, segments, frames)
    # Where there are fewer frames than segments, a segment repeats the one before it.
    assert numbers(picks) == expected.ravel().tolist()
    assert picks[0].begins and not any(pick.begins for pick in picks[1:])


@given(st.lists(st.floats(0.001, 1.9), min_size=2, max_size=50), st.integers(1, 8))
def test_a_frame_is_seen_where_it_is_shown(steps: list[float], frames: int) -> None:
    times = np.cumsum(steps).tolist()
    seconds = 0.7
    for pick in pick_by_time(stream(times), seconds, frames):
        number = int(pick.frame.captured)
        for place in pick.places:
            moment = times[0] + seconds * (2 * place + 1) / (2 * frames)
            assert times[number] <= moment + 1e-6
            shortest = min(np.diff(times[: number + 1]), default=0.0)  # places within this time are given at once
            if number + 1 < len(times):
                assert moment <= max(times[number + 1], times[number] + shortest) + 1e-6


def test_a_pick_does_not_wait_for_the_next_frame() -> None:
    seen: list[int] = []

    def frames():  # type: ignore[no-untyped-def]
        for frame in stream([0.04 * number for number in range(100)]):
            seen.append(int(frame.captured))
            yield frame

    picks = list(pick_by_time(frames(), 0.4, 5))
    assert len(picks) == 50
    seen.clear()
    for pick in pick_by_time(frames(), 0.4, 5):
        assert seen[-1] == max(1, int(pick.frame.captured))  # the first frame waits: nothing is known of the rate


@pytest.mark.parametrize(("jump", "word"), [(60.0, "+60.0 s"), (-60.0, "-60.0 s"), (-0.6, "-0.6 s")])
def test_a_jump_of_the_clock_begins_anew(jump: float, word: str) -> None:
    before = [0.04 * number for number in range(50)]
    times = before + [before[-1] + jump + 0.04 * number for number in range(50)]
    picks = list(pick_by_time(stream(times), 0.4, 4))
    beginnings = [pick for pick in picks if pick.begins]
    assert [pick.places.start for pick in beginnings] == [0, 0]
    assert word in beginnings[1].begins
    assert times[int(beginnings[1].frame.captured)] >= times[50]  # nothing from before the jump


def test_a_new_recording_begins_anew_and_disorder_does_not() -> None:
    ordered = stream([0.0, 0.1, 0.2, 0.15, 0.3, 0.4, 0.5])
    assert numbers(list(pick_by_time(ordered, 0.4, 4))) == numbers(
        list(pick_by_time([frame for frame in ordered if frame.time != 0.15], 0.4, 4))
    )
    second = [LiveFrame(f.time, f.captured, f.convert, begins=f.time == 0.3) for f in stream([0, 0.1, 0.2, 0.3, 0.4])]
    reasons = [pick.begins for pick in pick_by_time(second, 0.2, 2) if pick.begins]
    assert reasons == ["the stream begins", "another recording begins"]


def test_a_stalled_picture_takes_the_places_of_its_time() -> None:
    times = [0.0, 0.1, 1.1, 1.2]
    picks = list(pick_by_time(stream(times), 0.4, 4))
    assert numbers(picks)[:11] == [0, *[1] * 10]
    assert all(later.places.start == earlier.places.stop for earlier, later in pairwise(picks))


@given(
    total=st.integers(2, 120),
    hundredths=st.integers(5, 200),
    frames=st.integers(1, 8),
    rate=st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(15)]),
)
def test_a_live_stream_shows_the_frames_that_a_training_with_segment_seconds_takes(
    total: int, hundredths: int, frames: int, rate: Fraction
) -> None:
    times = [float(number / rate) for number in range(total)]
    found = numbers(list(pick_by_time(stream(times), hundredths / 100, frames)))
    count = -(-len(found) // frames)
    expected = timed_frames(total, SegmentTime(hundredths / 100).frames(rate), count, frames)
    assert found == expected.ravel().tolist()[: len(found)]
