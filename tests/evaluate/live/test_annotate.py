"""Annotated videos: the picture, its rate and direction; and the panel, which shows no later segment."""

import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from evaluate.decisions.decision_maker import ConfidenceThreshold
from evaluate.live import annotate as annotating
from evaluate.live.annotate import annotate, enlarged
from evaluate.live.panel import DECIDED, Panel
from evaluate.live.recognition import Recognition, Recording
from extract.decoding.decoders.pyav import read_with_pyav
from extract.decoding.synthetic_clip import set_display_matrix, write_numbered_clip
from extract.poses.settings import PoseSettings
from extract.segments import segment_bounds
from tests.evaluate.live.conftest import fixed_rule
from tests.extract.poses.conftest import ColouredSquares, draw

FRAMES, N = 23, 4


def recognition(name: Path | str = "a.mp4", num_frames: int = FRAMES, seed: int = 0) -> Recognition:
    logits = np.random.default_rng(seed).normal(size=(N, 5)).cumsum(0)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    classes = ("archery", "basketball dunk", "horse race", "piano", "violin")
    return Recognition(Recording(str(name), {"features": str(name)}), classes, shares.astype(np.float32), num_frames)


def panel(found: Recognition, width: int = 320) -> Panel:
    return Panel(found, segment_bounds(found.num_frames, N)[:, 1].tolist(), 3, width)


def test_the_panel_knows_no_later_segment() -> None:
    found = recognition()
    for frame in range(FRAMES):
        own = panel(found)
        seen = own.levels_seen(frame)
        assert seen == sum(end <= frame + 1 for end in (5, 11, 17, 23))
        later = found.probabilities.copy()
        later[seen:] = recognition(seed=1).probabilities[seen:]
        np.testing.assert_array_equal(own.draw(frame), panel(replace(found, probabilities=later)).draw(frame))


def has_colour(picture: np.ndarray, colour: str) -> bool:
    rgb = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return bool((picture == rgb).all(2).any())


def test_the_decision_is_drawn_from_its_moment_on() -> None:
    found = replace(recognition(), probabilities=np.array([[0.4, 0.6]] + [[0.1, 0.9]] * 3, np.float32)[:, [0, 1]])
    found = replace(found, classes=("fall", "rise"), decision_maker=ConfidenceThreshold(0.8))
    own = panel(found)
    shown = [has_colour(own.draw(frame), DECIDED) for frame in range(FRAMES)]
    assert shown == [frame >= 10 for frame in range(FRAMES)], "the second segment ends with frame 10"


def test_a_stored_rule_decides_and_no_threshold_is_drawn() -> None:
    by_threshold = replace(recognition(), decision_maker=ConfidenceThreshold(0.97))
    by_rule = replace(recognition(), decision_maker=fixed_rule(3, N, 5))
    faint = [int((panel(found).draw(3) == 0xBB).all(2).sum()) for found in (by_threshold, by_rule)]
    assert faint[0] > faint[1] > 0
    shown = [has_colour(panel(by_rule).draw(frame), DECIDED) for frame in range(FRAMES)]
    assert shown == [frame >= 16 for frame in range(FRAMES)], "the third segment ends with frame 16"


@pytest.mark.parametrize("width", [320, 1920])
def test_the_panel_grows_with_the_video(width: int) -> None:
    own = panel(recognition(), width)
    assert own.draw(FRAMES - 1).shape == (own.height, width, 3) and own.height % 2 == 0
    assert own.height == panel(recognition(), 320).height * max(1, round(width / 480))


def read(path: Path) -> tuple[list[np.ndarray], Fraction, str]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return frames, Fraction(stream.average_rate or 0), stream.codec_context.name


@pytest.mark.parametrize("encoders", [annotating.ENCODERS, ("mpeg4",)])
def test_every_frame_is_there_at_the_right_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoders: tuple[str, ...]
) -> None:
    monkeypatch.setattr(annotating, "ENCODERS", encoders)
    source = tmp_path / "numbered.avi"
    write_numbered_clip(source, FRAMES)
    annotating._write(str(source), recognition(), tmp_path / "out.mp4", 3)
    frames, rate, codec = read(tmp_path / "out.mp4")
    originals = [enlarged(convert()) for convert in read_with_pyav(source)]
    with av.open(str(source)) as container:
        assert rate == container.streams.video[0].average_rate
    assert len(frames) == len(originals) == FRAMES and codec == {"libx264": "h264"}.get(encoders[0], encoders[0])
    for frame, original in zip(frames, originals, strict=True):
        height, width, _ = original.shape
        assert frame.shape[1] == width and frame.shape[0] > height
        assert np.abs(frame[:height].astype(int) - original.astype(int)).mean() < 12


def test_a_rotated_video_is_upright_and_odd_sides_become_even(tmp_path: Path) -> None:
    source = tmp_path / "turned.mp4"
    write_numbered_clip(source, FRAMES, codec="libx264")
    plain = enlarged(next(iter(read_with_pyav(source)))())
    set_display_matrix(source, (0, 1, -1, 0))
    annotate(str(source), replace(recognition(source), decision_maker=fixed_rule(2, N, 5)), tmp_path / "out.mp4")
    turned = enlarged(next(iter(read_with_pyav(source)))())
    (first, *_), _, _ = read(tmp_path / "out.mp4")
    assert turned.shape != plain.shape
    assert np.abs(first[: turned.shape[0]].astype(int) - turned.astype(int)).mean() < 12
    assert enlarged(np.zeros((37, 81, 3), np.uint8)).shape == (148, 324, 3)
    assert enlarged(np.zeros((241, 321, 3), np.uint8)).shape == (242, 322, 3)


def test_a_folder_of_frames_gets_a_usual_rate(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for number in range(8):
        Image.new("RGB", (40, 30), (30 * number, 0, 0)).save(tmp_path / "frames" / f"{number}.png")
    annotate(str(tmp_path / "frames"), recognition(num_frames=8), tmp_path / "out.mp4")
    frames, rate, _ = read(tmp_path / "out.mp4")
    assert len(frames) == 8 and rate == 25


class Crash(ConfidenceThreshold):
    """A decision maker that ends the process that gets it, as a crash of a library does."""

    def __reduce__(self) -> tuple[Callable[[int], object], tuple[int]]:
        return os._exit, (1,)


def test_a_crash_of_a_library_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="out.mp4 was not written: the process that draws a.avi crashed"):
        annotate("a.avi", replace(recognition(), decision_maker=Crash()), tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(UserError, match="out.mp4 was not written: .*text.mp4: not a video"):
        annotate(str(tmp_path / "text.mp4"), recognition(), tmp_path / "out.mp4")
    (tmp_path / "file").touch()
    write_numbered_clip(tmp_path / "a.avi", FRAMES)
    with pytest.raises(UserError, match="cannot write"):
        annotate(str(tmp_path / "a.avi"), recognition(), tmp_path / "file" / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_joints_are_drawn_over_the_frames_they_are_found_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotating, "BlazePose", lambda *_: ColouredSquares())
    (tmp_path / "frames").mkdir()
    for number in range(8):
        person = [(0, 40 + 8 * number, 60)] if number < 6 else []  # a red square that walks, and then is gone
        Image.fromarray(draw(person)).save(tmp_path / "frames" / f"{number}.png")
    poses = PoseSettings("detector", "landmarks", 1, "world")
    annotating._write(str(tmp_path / "frames"), recognition(num_frames=8), tmp_path / "plain.mp4", 3)
    annotating._write(str(tmp_path / "frames"), recognition(num_frames=8), tmp_path / "joints.mp4", 3, poses)
    plain, drawn = (read(tmp_path / name)[0] for name in ("plain.mp4", "joints.mp4"))
    assert len(drawn) == 8
    for number, (one, other) in enumerate(zip(plain, drawn, strict=True)):
        changed = np.abs(one[:240].astype(int) - other[:240].astype(int)).max(axis=2) > 120  # 120 rows, twice as large
        assert changed.any() == (number < 6)
        if number < 6:
            assert abs(np.nonzero(changed)[1].mean() / 2 - (40 + 8 * number)) < 12
