"""A segment whose frames were dropped has its neighbours instead; nothing of one segment gets into another."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.watch.mailbox import FrameArrived
from evaluate.watch.segment import Segment
from evaluate.watch.video_segments import VideoSegments, WholeSegment
from extract.clip import Clip


class Network:
    """Returns the brightness of the frames that it sees."""

    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        assert clip.resized
        return clip.content[clip.segments][..., 0, 0, 0].astype(np.float32)


def frames(*places: int, begins: int = 0) -> list[Segment]:
    segments = VideoSegments(WholeSegment(Network()), frames_per_segment=4, resized=True)  # type: ignore[arg-type]
    found: list[Segment] = []
    for place in places:
        picture = np.full((2, 2, 3), place, np.uint8)
        reason = "the stream begins" if place == begins else ""
        found += segments.add(FrameArrived(range(place, place + 1), place / 10, place + 100, reason, picture))
    return found


def test_whole_segments() -> None:
    first, second = frames(*range(9))
    assert first.features.tolist() == [0, 1, 2, 3] and second.features.tolist() == [4, 5, 6, 7]
    assert (first.number, first.time, first.captured, first.missing) == (0, 0.3, 103, 0)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ((0, 1, 3, 4), [[0, 1, 1, 3]]),
        ((0, 1, 2, 4, 5, 6, 7), [[0, 1, 2, 2], [4, 5, 6, 7]]),
        ((0, 6, 7, 8), [[0, 0, 0, 0], [6, 6, 6, 7]]),
        ((0, 1, 2, 3, 20, 21, 22, 23), [[0, 1, 2, 3], [20, 21, 22, 23]]),
    ],
)
def test_dropped_frames_are_replaced_by_their_neighbours(places: tuple[int, ...], expected: list[list[int]]) -> None:
    found = frames(*places)
    assert [segment.features.tolist() for segment in found] == expected
    arrived = [sum(place // 4 == segment.number for place in places) for segment in found]
    assert [segment.missing for segment in found] == [4 - count for count in arrived]


def test_a_beginning_forgets_the_incomplete_segment() -> None:
    (found,) = frames(0, 1, 2, 0, 1, 2, 3)
    assert found.features.tolist() == [0, 1, 2, 3] and found.missing == 0


def test_one_frame_may_take_all_places() -> None:
    segments = VideoSegments(WholeSegment(Network()), frames_per_segment=4, resized=True)  # type: ignore[arg-type]
    found = list(segments.add(FrameArrived(range(9), 0.5, 1.0, "the stream begins", np.full((2, 2, 3), 7, np.uint8))))
    assert [segment.number for segment in found] == [0, 1]
    assert all(segment.features.tolist() == [7, 7, 7, 7] and segment.missing == 0 for segment in found)
