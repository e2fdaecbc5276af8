"""The annotated video has every frame at its time, with the panel of that moment, whatever the stream does."""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import UserError
from evaluate.decisions.decision_maker import ConfidenceThreshold
from evaluate.watch.events import Picture, Prediction, SourceEnded
from evaluate.watch.outputs import AnnotatedVideos, ShownModel

MODEL = ShownModel(("wave", "clap"), 4, ConfidenceThreshold(0.7))


def picture(time: float, size: tuple[int, int] = (320, 240), source: str = "cam") -> Picture:
    return Picture(source, time, np.full((size[1], size[0], 3), 128, np.uint8))


def prediction(level: int, probability: float, episode: int = 0) -> Prediction:
    probabilities = np.array([1 - probability, probability], np.float32)
    return Prediction("cam", episode, level, float(level), MODEL.classes, probabilities, None, False, 0.1)


def written(out: Path, events: Sequence[object]) -> list[tuple[float, NDArray[np.uint8]]]:
    notices: list[str] = []
    output = AnnotatedVideos(out, ["cam"], MODEL, notices.append)
    for event in events:
        output.show(event)  # type: ignore[arg-type]
    output.close()
    assert notices == [f"written: {out}"]
    with av.open(str(out)) as container:
        return [(float(frame.time or 0), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def test_frames_have_their_times_and_the_panel_of_their_moment(tmp_path: Path) -> None:
    before = [picture(100 + number / 10) for number in range(5)]
    after = [picture(100.5 + number / 10) for number in range(5)]
    frames = written(tmp_path / "a.mp4", [*before, prediction(1, 0.9), *after, SourceEnded("cam", "")])
    assert np.allclose(np.diff([time for time, _ in frames]), 0.1, atol=2e-3) and len(frames) == 10
    panels = [frame[240:].astype(int) for _, frame in frames]
    assert panels[0].shape[0] > 100 and panels[0].shape[1] == 320
    assert np.abs(panels[4] - panels[0]).mean() < 2 < np.abs(panels[5] - panels[0]).mean()


def test_a_stream_may_jump_and_change_its_size(tmp_path: Path) -> None:
    events = [picture(5.0), picture(5.1), picture(900.0), picture(2.0), picture(2.1, (640, 360)), picture(2.1)]
    frames = written(tmp_path / "b.mp4", [prediction(1, 0.6), *events, prediction(1, 0.6, episode=1)])
    steps = np.diff([time for time, _ in frames])
    assert len(frames) == 6 and (steps > 0).all() and steps.sum() < 0.5
    assert len({frame.shape for _, frame in frames}) == 1


def test_a_file_that_was_not_finished_can_be_played(tmp_path: Path) -> None:
    output = AnnotatedVideos(tmp_path / "c.mp4", ["cam"], MODEL, print)
    for number in range(1000):
        output.show(picture(number / 25))
    copy = tmp_path / "killed.mp4"
    copy.write_bytes((tmp_path / "c.mp4").read_bytes())
    output.close()
    with av.open(str(copy)) as container:
        assert len(list(container.decode(video=0))) > 100


def test_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="is one file for 2 sources; give a folder"):
        AnnotatedVideos(tmp_path / "a.mp4", ["x", "y"], MODEL, print)
    with pytest.raises(UserError, match=r"are MP4 files, and .*a\.avi ends in \.avi; end it in \.mp4$"):
        AnnotatedVideos(tmp_path / "a.avi", ["x"], MODEL, print)
    assert not (tmp_path / "a.avi").exists()
    own = tmp_path / "a.mp4"
    own.write_bytes(b"")
    with pytest.raises(UserError, match="would write over the source"):
        AnnotatedVideos(own, [str(own)], MODEL, print)
    sources = ["rtsp://me:secret@one/hall", "rtsp://two/hall"]
    output = AnnotatedVideos(tmp_path / "out", sources, MODEL, print)
    for source in ("rtsp://one/hall", "rtsp://two/hall"):
        output.show(picture(0.0, source=source))
    output.close()
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["hall-2.mp4", "hall.mp4"]
    assert "secret" not in capsys.readouterr().out
