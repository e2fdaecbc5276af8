"""A camera is read through FFmpeg's input of the system; here an input that draws takes its place."""

import pytest

from evaluate.watch.feeds import camera
from evaluate.watch.feeds.camera import CAMERA
from extract.clip import DecodeError


def test_a_camera_that_is_missing_is_a_sentence() -> None:
    with pytest.raises(DecodeError, match="the camera cannot be read"):
        list(CAMERA.frames("camera:77", 1.0, pytest.fail))


def test_frames_of_an_input_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = ("lavfi", "testsrc=size=64x48:rate=25:duration={}")
    monkeypatch.setattr(camera, "INPUTS", {"linux": drawn, "darwin": drawn, "win32": drawn})
    frames = list(CAMERA.frames("camera:2", 1.0, pytest.fail))
    assert len(frames) == 50 and frames[0].convert().shape == (48, 64, 3)
    assert abs(frames[-1].time - 49 / 25) < 1e-6
