"""Segments and their frames: examples computed by hand, the official float formula, and properties."""

from hypothesis import given
from hypothesis import strategies as st

from extract.segments import frame_indices, segment_bounds

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
