"""Images that are written into a folder become frames: each once, in order, and only when it is whole."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluate.watch.feeds.growing_folder import GROWING_FOLDER
from extract.clip import DecodeError


def picture(level: int) -> Image.Image:
    return Image.fromarray(np.full((8, 8, 3), level, np.uint8))


def test_new_images_become_frames(tmp_path: Path) -> None:
    picture(99).save(tmp_path / "0000.png")  # it was there before
    notices: list[str] = []
    frames = GROWING_FOLDER.frames(str(tmp_path), 2.0, notices.append)

    def write() -> None:
        for number in range(1, 4):
            hidden = tmp_path / f".{number}"
            picture(number).save(hidden, "PNG")
            os.utime(hidden, (100 + number / 10,) * 2)
            hidden.rename(tmp_path / f"{number:04}.png")
        (tmp_path / "0004.png").write_bytes(b"no image")
        (tmp_path / "0005.txt").write_text("other files are no frames")

    threading.Timer(0.2, write).start()
    found = [next(frames) for _ in range(3)]
    assert [int(frame.convert()[0, 0, 0]) for frame in found] == [1, 2, 3]
    assert np.allclose([frame.time for frame in found], [100.1, 100.2, 100.3])
    with pytest.raises(DecodeError, match="no new image for 2 s"):
        next(frames)
    assert len(notices) == 1 and notices[0].startswith("0004.png was left out")


def test_an_image_that_is_still_written_is_waited_for(tmp_path: Path) -> None:
    picture(7).save(tmp_path / ".whole.png")
    content = (tmp_path / ".whole.png").read_bytes()
    (tmp_path / ".whole.png").unlink()
    target = tmp_path / "0001.png"

    def write() -> None:
        target.write_bytes(content[:30])
        threading.Timer(0.2, lambda: target.write_bytes(content)).start()

    threading.Timer(0.2, write).start()
    frame = next(GROWING_FOLDER.frames(str(tmp_path), 30.0, pytest.fail))
    assert int(frame.convert()[0, 0, 0]) == 7


def test_a_folder_that_vanishes_is_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    with pytest.raises(DecodeError, match="the folder cannot be read"):
        next(GROWING_FOLDER.frames(str(folder), 1.0, pytest.fail))
