"""The feeder's messages: frames of a recording, of a live source that breaks off, and every failure as a sentence."""

import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from evaluate.watch import feeder
from evaluate.watch.feeder import FeedTask, send
from evaluate.watch.feeds.feed import Feed, Notice, ServerStopped
from evaluate.watch.messages import read_message
from evaluate.watch.picks import LiveFrame
from extract.clip import DecodeError
from extract.decoding.decode import decode_clip
from extract.networks.geometry import Geometry

GEOMETRY = Geometry(40, 32, "bilinear", "kept")
TASK = FeedTask("", num_segments=5, frames_per_segment=2, segment_seconds=None, geometry=GEOMETRY, real_time=False)


def sent(task: FeedTask) -> list[tuple[dict[str, object], np.ndarray | None]]:
    pipe = io.BytesIO()
    send(task, pipe)
    pipe.seek(0)
    return list(iter(lambda: read_message(pipe), None))


def end_of(messages: list[tuple[dict[str, object], np.ndarray | None]]) -> str:
    header, _ = messages[-1]
    assert header["end"] is True
    return str(header["reason"])


def test_frames_are_those_of_an_extraction(draw_video: Callable[..., Path]) -> None:
    file = draw_video("a.avi", 43)
    *frames, _ = messages = sent(replace(TASK, source=str(file)))
    assert end_of(messages) == ""
    clip = decode_clip(file, 5, 2, geometry=GEOMETRY)
    places = {}
    for header, frame in frames:
        start, stop = header["places"]  # type: ignore[misc]
        places |= dict.fromkeys(range(start, stop), frame)
    found = np.stack([places[place] for place in range(10)])  # type: ignore[arg-type]
    assert np.array_equal(found, clip.content[clip.segments.ravel()])


def test_a_recording_is_played_in_real_time(draw_video: Callable[..., Path]) -> None:
    task = replace(TASK, source=str(draw_video("b.avi", 20)), segment_seconds=0.2, real_time=True)
    began = time.monotonic()
    *frames, _ = sent(task)
    assert time.monotonic() - began >= 19 / 25
    captured = np.array([header["captured"] for header, _ in frames])
    moments = np.array([header["time"] for header, _ in frames])
    assert (captured - began >= moments - 1e-3).all()  # never early


class Breaking(Feed):
    """Gives some frames and breaks off, as often as `left` says."""

    left = 2
    ending: type[DecodeError] = DecodeError

    def matches(self, source: str) -> bool:
        return True

    def frames(self, source: str, stall_seconds: float, notice: Notice) -> Iterator[LiveFrame]:
        if type(self).left < 0:
            raise DecodeError("connection refused")
        type(self).left -= 1
        for number in range(5):
            yield LiveFrame(0.1 * number, time.monotonic(), lambda: np.zeros((48, 64, 3), np.uint8))
        raise type(self).ending("the server sends no more")


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> type[Breaking]:
    monkeypatch.setattr(feeder, "feed_of", lambda source: Breaking("a source that breaks off", live=True))
    monkeypatch.setattr(feeder.Sender, "sleep", lambda self, seconds: None)
    monkeypatch.setattr(Breaking, "left", 2)
    return Breaking


def test_a_live_source_is_opened_again_and_begins_anew(breaking: type[Breaking]) -> None:
    messages = sent(replace(TASK, segment_seconds=0.2, reconnect_seconds=3.5))
    assert end_of(messages) == "connection refused"
    reasons = [header["begins"] for header, frame in messages if frame is not None and header["begins"]]
    assert reasons == ["the stream begins", "another recording begins", "another recording begins"]
    notices = [str(header["notice"]) for header, _ in messages if "notice" in header]
    assert notices[0] == "broken off: the server sends no more; the next attempt is in 1 s"
    assert notices[-1] == "broken off: connection refused; the next attempt is in 2 s"


def test_a_live_source_is_not_opened_again_without_leave(breaking: type[Breaking]) -> None:
    messages = sent(replace(TASK, segment_seconds=0.2, reconnect_seconds=0))
    assert end_of(messages) == "the server sends no more"
    assert [header["begins"] for header, frame in messages if frame is not None and header["begins"]] == [
        "the stream begins"
    ]


def test_a_stream_that_its_server_ends_has_ended(breaking: type[Breaking], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaking, "ending", ServerStopped)
    assert end_of(sent(replace(TASK, segment_seconds=0.2, reconnect_seconds=0))) == ""
    assert end_of(sent(replace(TASK, segment_seconds=0.2, reconnect_seconds=3.5))) == "connection refused"


def test_a_source_that_was_never_there_is_not_waited_for(breaking: type[Breaking]) -> None:
    breaking.left = -1
    assert end_of(sent(replace(TASK, segment_seconds=0.2))) == "connection refused"


def test_a_live_source_needs_the_length_of_an_action(breaking: type[Breaking]) -> None:
    assert "its length is not known" in end_of(sent(TASK))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "the file does not exist"),
        (b"", "the file is empty"),
        (b"no video at all, only words\n" * 30, "not a video"),
        (bytes(range(256)) * 40, "not a video that can be opened"),
    ],
)
def test_a_file_that_is_no_video_ends_with_a_sentence(content: bytes | None, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "x.avi"
    if content is not None:
        file.write_bytes(content)
    for seconds in (None, 0.2):
        assert reason in end_of(sent(replace(TASK, source=str(file), segment_seconds=seconds)))


def test_damaged_packets_are_left_out_where_time_is_known(draw_video: Callable[..., Path], tmp_path: Path) -> None:
    content = bytearray(draw_video("c.mp4", 50, codec="libx264").read_bytes())
    start = content.index(b"mdat") + 4000 if len(content) > 6000 else content.index(b"mdat") + 200
    content[start : start + 60] = bytes(60)
    file = tmp_path / "c.mp4"
    file.write_bytes(content)
    messages = sent(replace(TASK, source=str(file), segment_seconds=0.2))
    assert messages[-1][0]["end"] is True and sum(frame is not None for _, frame in messages) > 3


def test_the_task_is_plain_values() -> None:
    fields = json.loads(json.dumps(asdict(TASK)))
    assert FeedTask(**{**fields, "geometry": Geometry(**fields["geometry"])}) == TASK
