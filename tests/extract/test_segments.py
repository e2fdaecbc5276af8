"""Segments and their frames: examples computed by hand, the official float formula, and properties."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.segments import (
    SegmentTime,
    frame_indices,
    repeat_last,
    segment_bounds,
    timed_bounds,
    timed_count,
    timed_frames,
)

frames = st.integers(1, 5000)


@given(frames, st.integers(1, 20))
def test_bounds_follow_the_rule_wherever_every_segment_has_a_frame(num_frames: int, segments: int) -> None:
    bounds = segment_bounds(num_frames, segments).tolist()
    for n, (start, end) in enumerate(bounds, start=1):
        assert 0 <= start < end <= num_frames
        if num_frames >= segments:
            assert start == (n - 1) * num_frames // segments
            assert end == n * num_frames // segments
    if num_frames >= segments:  # every frame in exactly one segment
        assert [frame for start, end in bounds for frame in range(start, end)] == list(range(num_frames))


@given(frames, st.integers(1, 20), st.integers(1, 16))
def test_no_segment_looks_ahead(num_frames: int, segments: int, per_segment: int) -> None:
    indices = frame_indices(num_frames, segments, per_segment)
    for n, row in enumerate(indices.tolist(), start=1):
        assert row == sorted(row)
        assert row[-1] < max(n * num_frames // segments, 1)


@given(st.integers(10, 5000))
def test_the_official_test_rule_with_eight_frames(num_frames: int) -> None:
    indices = frame_indices(num_frames, 10, 8).tolist()
    for (start, end), row in zip(segment_bounds(num_frames, 10).tolist(), indices, strict=True):
        tick = (end - start) / 8  # exact in binary, so the official float formula is exact too
        assert row == [start + int(tick / 2 + tick * i) for i in range(8)]


def test_golden() -> None:
    assert segment_bounds(29, 10).tolist()[:4] == [[0, 2], [2, 5], [5, 8], [8, 11]]
    assert frame_indices(29, 10, 8).tolist()[1] == [2, 2, 2, 3, 3, 4, 4, 4]
    assert frame_indices(186, 10, 8).tolist()[0] == [1, 3, 5, 7, 10, 12, 14, 16]


def test_clips_shorter_than_the_segments_repeat_frames() -> None:
    assert frame_indices(1, 10, 2).tolist() == [[0, 0]] * 10
    assert frame_indices(5, 10, 1)[:, 0].tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3, 4]
    assert frame_indices(9, 10, 1)[:, 0].tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]


RATES = st.sampled_from([Fraction(15), Fraction(25), Fraction(30000, 1001)])


@given(frames, RATES, st.integers(1, 400), st.integers(1, 30))
def test_segments_of_a_fixed_time(num_frames: int, rate: Fraction, hundredths: int, most: int) -> None:
    length = SegmentTime(hundredths / 100).frames(rate)
    count = timed_count(num_frames, length, most)
    exact = num_frames / length
    assert 1 <= count <= most and (count == most or count in (1, round(exact), exact - Fraction(1, 2)))
    bounds = timed_bounds(num_frames, length, count).tolist()
    for n, (start, end) in enumerate(bounds):
        assert 0 <= start < end <= num_frames
        if length >= 1 and end < num_frames:  # the frames that are shown first within the segment's time
            assert [frame for frame in range(num_frames) if n * length <= frame < (n + 1) * length] == [
                *range(start, end)
            ]


@given(frames, RATES, st.integers(1, 400), st.integers(1, 8))
def test_segments_of_a_fixed_time_depend_on_no_later_frame_and_not_on_the_length(
    num_frames: int, rate: Fraction, hundredths: int, per_segment: int
) -> None:
    length = SegmentTime(hundredths / 100).frames(rate)
    chosen = timed_frames(num_frames, length, 6, per_segment)
    for n, row in enumerate(chosen.tolist(), start=1):
        assert row == sorted(row) and row[-1] < max(n * length, 1)
    longer = timed_frames(2 * num_frames, length, 6, per_segment)
    assert np.array_equal(np.minimum(longer, num_frames - 1), chosen)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 16))
def test_where_the_time_fits_they_are_the_equal_parts_of_the_clip(length: int, count: int, per_segment: int) -> None:
    segment = SegmentTime(length / 25).frames(Fraction(25))
    assert timed_count(length * count, segment, 1000) == count
    assert np.array_equal(timed_bounds(length * count, segment, count), segment_bounds(length * count, count))
    expected = frame_indices(length * count, count, per_segment)
    assert np.array_equal(timed_frames(length * count, segment, count, per_segment), expected)


def test_golden_of_a_fixed_time() -> None:
    length = SegmentTime(0.3, frame_rate=30).frames()
    assert length == 9
    assert [timed_count(frames, length, 10) for frames in (1, 13, 14, 22, 23, 500)] == [1, 1, 2, 2, 3, 10]
    assert timed_bounds(23, length, 3).tolist() == [[0, 9], [9, 18], [18, 23]]
    assert timed_frames(23, length, 3, 2).tolist() == [[2, 6], [11, 15], [20, 22]]
    assert repeat_last(np.array([[1], [2]]), 4).tolist() == [[1], [2], [2], [2]]
    with pytest.raises(ValueError, match="frame rate is not known"):
        SegmentTime(0.3).frames()
