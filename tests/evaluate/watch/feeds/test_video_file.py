"""A file as a feed gives the frames of its decoder, each with its time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluate.watch.feeds import FEEDS, feed_of
from evaluate.watch.feeds.video_file import VIDEO_FILE, as_local
from extract.clip import DecodeError
from extract.decoding.decoders import DECODERS
from tests.evaluate.watch.feeds.conftest import Quiet, served


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
        ("http://host/live.ts?x=a.mp4", "stream"),
        ("rtsp://host/a.mp4", "stream"),
        ("https://host/a.mp4?token=1", "file"),
        ("s3://bucket/a.AVI", "file"),
        ("camera:0", "camera"),
        ("/dev/video3", "camera"),
        (".", "folder"),
    ],
)
def test_a_source_has_its_feed(source: str, name: str) -> None:
    assert feed_of(source) is FEEDS[name]


@pytest.mark.parametrize("protocol", ["HTTP/1.0", "HTTP/1.1"])
def test_a_file_on_a_server_is_whole(
    protocol: str, draw_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server cannot send parts of a file, and the index of the MP4 is at its end."""
    monkeypatch.setattr(Quiet, "protocol_version", protocol)
    file = draw_video("b.mp4", 50, codec="libx264")
    with served(file.parent) as url, as_local(f"{url}/b.mp4", lambda: None) as source:
        frames = list(VIDEO_FILE.frames(source, 10.0, pytest.fail))
        assert Path(source).read_bytes() == file.read_bytes()
    assert len(frames) == 50 and frames[0].time == 0 and not Path(source).exists()


def test_a_file_that_the_server_does_not_have_is_a_sentence(tmp_path: Path) -> None:
    with served(tmp_path) as url, pytest.raises(DecodeError), as_local(f"{url}/nothing.mp4", lambda: None):
        pass
