"""A file as a feed gives the frames of its decoder, each with its time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluate.watch.feeds import FEEDS, feed_of
from extract.clip import DecodeError
from extract.decoding.decoders import DECODERS


def test_frames_and_times(draw_video: Callable[..., Path]) -> None:
    file = draw_video("a.mp4", 30)
    frames = list(feed_of(str(file)).frames(str(file), 1.0, pytest.fail))
    expected = [convert() for convert in DECODERS["pyav"].read(file)]
    assert np.array_equal(np.stack([frame.convert() for frame in frames]), np.stack(expected))
    assert np.allclose([frame.time for frame in frames], np.arange(30) / 25)


def test_a_missing_file_is_a_sentence() -> None:
    with pytest.raises(DecodeError, match="does not exist"):
        list(FEEDS["file"].frames("nothing.avi", 1.0, pytest.fail))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a.avi", "file"),
        ("rtsp://cam/1", "stream"),
        ("http://host/list.m3u8", "stream"),
        ("camera:0", "camera"),
        ("/dev/video3", "camera"),
        (".", "folder"),
    ],
)
def test_a_source_has_its_feed(source: str, name: str) -> None:
    assert feed_of(source) is FEEDS[name]
