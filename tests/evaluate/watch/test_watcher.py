"""Live streams give what files give; sources never mix; episodes begin and end where they should."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import UserError
from evaluate.decisions.decision_maker import ConfidenceThreshold
from evaluate.live.recogniser import Recogniser
from evaluate.live.stream_network import StreamNetwork
from evaluate.watch import watcher
from evaluate.watch.events import Event, Picture, Prediction, SourceEnded, SourceNotice, shown_name
from evaluate.watch.segment import Segment
from evaluate.watch.video_segments import VideoSegments
from evaluate.watch.watch_settings import WatchSettings
from evaluate.watch.watcher import STANDARD_INPUT, Watcher
from extract.poses.settings import PoseSettings
from extract.skeletons.readers import read_skeleton
from manifests.manifest import read_manifest

ROUNDING = 1e-6  # of float32 sums in another order
FILES = WatchSettings(real_time=False)


def held_out(drawn: Path, column: str, count: int = 3) -> list[Path]:
    clips = read_manifest(next(drawn.glob("*.csv"))).split("test")
    return [drawn / path for path in clips[column].head(count)]


def of_source(events: Sequence[Event], source: Path | str) -> NDArray[np.float32]:
    """Return the probabilities (n, C) of a source."""
    return np.stack([e.probabilities for e in events if isinstance(e, Prediction) and e.source == str(source)])


def lines_of(path: Path, known_length: bool = True) -> list[str]:
    """Return a skeleton file as lines, at 10 frames a second."""
    joints, lines = read_skeleton(path, None).joints, []
    for number, frame in enumerate(joints):
        bodies = [None if np.isnan(body).any() else body.tolist() for body in frame]
        fields: dict[str, object] = {"bodies": bodies, "time": number / 10}
        if number == 0:
            fields |= {"begins": True, **({"num_frames": len(joints)} if known_length else {})}
        lines.append(json.dumps(fields))
    return lines


def test_a_file_gives_what_predict_gives_and_sources_do_not_mix(one_stream: Path, drawn: Path) -> None:
    files = held_out(drawn, "path")
    watcher = Watcher.load(one_stream, device="cpu")
    expected = {file: Recogniser.load(one_stream, device="cpu").recognise(file).probabilities for file in files}
    events = list(watcher.watch(list(map(str, files)), FILES))
    for file in files:
        assert np.abs(of_source(events, file) - expected[file]).max() < ROUNDING
    assert {event for event in events if isinstance(event, SourceEnded)} == {SourceEnded(str(f), "") for f in files}
    assert np.abs(expected[files[0]] - expected[files[1]]).max() > 1e-3


def test_skeleton_lines_give_what_their_files_give(two_streams: Path, drawn: Path) -> None:
    model, files = two_streams / "runs" / "skeleton", held_out(drawn, "path_skeleton")
    expected = [Recogniser.load(model, device="cpu").recognise(file).probabilities for file in files]
    lines = [line for file in files for line in lines_of(file)]
    events = list(Watcher.load(model, device="cpu").watch([STANDARD_INPUT], FILES, lines))
    assert np.abs(of_source(events, STANDARD_INPUT) - np.concatenate(expected)).max() < ROUNDING
    found = [(event.episode, event.level) for event in events if isinstance(event, Prediction)]
    assert found == [(episode, level) for episode in range(len(files)) for level in range(1, 6)]


def test_skeleton_segments_of_a_fixed_time_are_those_of_the_file_where_both_agree(
    two_streams: Path, drawn: Path
) -> None:
    model, (file,) = two_streams / "runs" / "skeleton", held_out(drawn, "path_skeleton", 1)
    lines = lines_of(file, known_length=False)
    kept = lines[: len(lines) // 5 * 5]
    settings = WatchSettings(action_seconds=len(kept) / 10, real_time=False)
    events = list(Watcher.load(model, device="cpu").watch([STANDARD_INPUT], settings, kept))
    known = [json.dumps({**json.loads(kept[0]), "num_frames": len(kept)}), *kept[1:]]
    expected = list(Watcher.load(model, device="cpu").watch([STANDARD_INPUT], FILES, known))
    assert np.abs(of_source(events, STANDARD_INPUT) - of_source(expected, STANDARD_INPUT)).max() < ROUNDING


def test_an_episode_ends_after_n_segments(one_stream: Path, draw_video: Callable[..., Path]) -> None:
    file = draw_video("long.avi", 61)  # 2.44 s
    settings = WatchSettings(action_seconds=1.0, real_time=False)
    events = list(Watcher.load(one_stream, device="cpu").watch([str(file)], settings))
    found = [(event.episode, event.level) for event in events if isinstance(event, Prediction)]
    assert found == [(number // 5, number % 5 + 1) for number in range(12)]
    times = [event.time for event in events if isinstance(event, Prediction)]
    assert all(0.1 < after - before < 0.3 for before, after in pairwise(times))


def test_the_decision_is_made_once_and_stays(one_stream: Path, drawn: Path) -> None:
    (file,) = held_out(drawn, "path", 1)
    always = Watcher.load(one_stream, device="cpu", decision_maker=ConfidenceThreshold(0))
    every = [event for event in always.watch([str(file)], FILES) if isinstance(event, Prediction)]
    assert [event.is_new for event in every] == [True, False, False, False, False]
    assert {event.decision for event in every} == {every[0].decision}
    first = every[0]
    assert first.decision is not None and first.decision.level == 1
    assert first.decision.name == first.classes[int(first.probabilities.argmax())]
    cautious = Watcher.load(one_stream, device="cpu", decision_maker=ConfidenceThreshold(1))
    never = list(cautious.watch([str(file)], FILES))
    assert all(event.decision is None for event in never if isinstance(event, Prediction))


def test_a_reset_begins_an_episode(one_stream: Path, draw_video: Callable[..., Path]) -> None:
    file = str(draw_video("reset.avi", 50))
    watcher = Watcher.load(one_stream, device="cpu")
    found = []
    for event in watcher.watch([file], WatchSettings(action_seconds=2.0, real_time=False)):
        if isinstance(event, Prediction):
            found.append((event.episode, event.level))
            if len(found) == 2:
                watcher.reset(file)
    assert found[:4] == [(0, 1), (0, 2), (1, 1), (1, 2)]


def test_one_source_fails_and_the_other_goes_on(one_stream: Path, drawn: Path, tmp_path: Path) -> None:
    (good,) = held_out(drawn, "path", 1)
    damaged = tmp_path / "damaged.avi"
    damaged.write_bytes(good.read_bytes()[:300])
    events = list(Watcher.load(one_stream, device="cpu").watch([str(damaged), str(good)], FILES))
    assert len(of_source(events, good)) == 5
    ends = {event.source: event.reason for event in events if isinstance(event, SourceEnded)}
    assert ends[str(good)] == "" and "not a video that can be opened" in ends[str(damaged)]
    assert not any(isinstance(event, Prediction) and event.source == str(damaged) for event in events)


def test_pictures_come_with_their_predictions(one_stream: Path, draw_video: Callable[..., Path]) -> None:
    file = draw_video("wide.avi", 20, size=(1280, 64))
    settings = WatchSettings(real_time=False, pictures=True)
    events = list(Watcher.load(one_stream, device="cpu").watch([str(file)], settings))
    pictures = [event for event in events if isinstance(event, Picture)]
    assert len(pictures) == 20 and {picture.frame.shape for picture in pictures} == {(32, 640, 3)}
    assert len(of_source(events, file)) == 5


def test_a_slow_network_gets_the_newest_frames(
    one_stream: Path, draw_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = VideoSegments._complete

    def slow(self: VideoSegments) -> Iterator[Segment]:
        time.sleep(0.3)
        return original(self)

    monkeypatch.setattr(VideoSegments, "_complete", slow)
    file = draw_video("fast.avi", 40)
    events = list(Watcher.load(one_stream).watch([str(file)], WatchSettings(action_seconds=0.5)))
    predictions = [event for event in events if isinstance(event, Prediction)]
    assert sum(event.dropped for event in predictions) > 5 and sum(event.skipped for event in predictions) > 0
    assert len(predictions) + sum(event.skipped for event in predictions) == 16
    assert predictions[-1].time > 1.5


@pytest.mark.parametrize(
    ("sources", "settings", "reason"),
    [
        (["a.avi", "a.avi"], FILES, "given twice"),
        (["-"], FILES, "-: the model takes videos"),
        (["rtsp://127.0.0.1/x"], FILES, "--action-seconds 3"),
        (["camera:0"], FILES, "--action-seconds 3"),
        ([""], FILES, "empty name"),
        (["a.avi"], WatchSettings(action_seconds=float("inf")), "an action must last some seconds"),
        (["a.avi"], WatchSettings(stall_seconds=float("nan")), "must be left after some seconds"),
    ],
)
def test_sources_that_do_not_fit_are_refused(
    one_stream: Path, sources: list[str], settings: WatchSettings, reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        list(Watcher.load(one_stream, device="cpu").watch(sources, settings))


def test_models_that_cannot_watch_are_refused(one_stream: Path, two_streams: Path) -> None:
    with pytest.raises(UserError, match="the model takes the streams .* together"):
        Watcher.load(two_streams, device="cpu")
    with pytest.raises(UserError, match="sees the whole recording before its first answer"):
        Watcher.load(one_stream, method="teacher", device="cpu")


class OfPoses(StreamNetwork):
    """A backbone that finds the joints of persons in videos."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.poses = PoseSettings("detector", "landmarks", 1, "world")


def test_a_model_of_poses_is_refused(one_stream: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "StreamNetwork", OfPoses)
    with pytest.raises(UserError, match="the joints in live video are not found here; make a model of skeletons"):
        Watcher.load(one_stream, device="cpu")


def test_skeletons_without_a_length_or_a_time_end_with_a_sentence(two_streams: Path, drawn: Path) -> None:
    model, (file,) = two_streams / "runs" / "skeleton", held_out(drawn, "path_skeleton", 1)
    watcher = Watcher.load(model, device="cpu")
    with pytest.raises(UserError, match="its length is not known"):
        list(watcher.watch([STANDARD_INPUT], FILES, lines_of(file, known_length=False)))
    timeless = [json.dumps({"bodies": json.loads(line)["bodies"]}) for line in lines_of(file)]
    with pytest.raises(UserError, match="a frame has no time"):
        list(watcher.watch([STANDARD_INPUT], WatchSettings(action_seconds=1), timeless))


def test_a_jump_of_a_skeleton_stream_begins_an_episode_and_disorder_does_not(two_streams: Path, drawn: Path) -> None:
    model, (file,) = two_streams / "runs" / "skeleton", held_out(drawn, "path_skeleton", 1)
    watcher, settings = Watcher.load(model, device="cpu"), WatchSettings(action_seconds=1, real_time=False)
    lines = [json.loads(line) for line in lines_of(file, known_length=False)][:12]
    later = [{**line, "begins": False, "time": line["time"] + 60} for line in lines]
    early = [{**lines[6], "time": lines[5]["time"] - 0.2}, {**lines[6], "time": lines[5]["time"]}]
    alone = list(watcher.watch([STANDARD_INPUT], settings, [json.dumps(line) for line in lines]))
    mixed = [json.dumps(line) for line in [*lines[:6], *early, *lines[6:], *later]]
    events = list(watcher.watch([STANDARD_INPUT], settings, mixed))
    expected, found = of_source(alone, STANDARD_INPUT), of_source(events, STANDARD_INPUT)
    assert np.array_equal(found[: len(expected)], expected) and np.array_equal(found[len(expected) :], expected)
    assert any(isinstance(event, SourceNotice) and "its clock jumped by +58.9 s" in event.sentence for event in events)
    assert all(event.skipped == 0 for event in events if isinstance(event, Prediction))


def test_persons_of_other_joints_are_refused_also_where_the_model_has_no_list(own_joints: Path) -> None:
    watcher = Watcher.load(own_joints, device="cpu")
    line = json.dumps({"bodies": [[[0, 1, 2]] * 25], "time": 0})
    *_, end = watcher.watch([STANDARD_INPUT], WatchSettings(action_seconds=1), [line])
    assert end == SourceEnded(STANDARD_INPUT, end.reason if isinstance(end, SourceEnded) else "")
    assert isinstance(end, SourceEnded) and "must be 20 joints [x, y, z], and this one has 25" in end.reason


def test_a_source_that_ends_too_early_says_so(one_stream: Path, draw_video: Callable[..., Path]) -> None:
    file = str(draw_video("one.avi", 1))
    settings = WatchSettings(action_seconds=3, real_time=False)
    notice, end = Watcher.load(one_stream, device="cpu").watch([file], settings)
    assert notice == SourceNotice(file, "it ended before a segment was complete") and end == SourceEnded(file, "")


def test_a_password_is_not_shown(one_stream: Path) -> None:
    assert shown_name("rtsp://me:secret@cam/stream?x=1") == "rtsp://cam/stream?x=1"
    assert shown_name("rtsp://me:se@cret@cam/a@b") == "rtsp://cam/a@b"
    assert shown_name("http://cam/a?user=me&Password=secret&x=1") == "http://cam/a?user=me&Password=***&x=1"
    watcher = Watcher.load(one_stream, device="cpu")
    for sources in (["rtsp://me:secret@cam/x"], ["rtsp://a:secret@cam/x", "rtsp://b:secret@cam/x"]):
        with pytest.raises(UserError) as error:
            next(iter(watcher.watch(sources)))
        assert "secret" not in str(error.value)
    assert shown_name("a@b.avi") == "a@b.avi"
