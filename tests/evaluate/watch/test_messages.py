"""What is written into a pipe is read from it; a pipe that breaks off gives nothing half."""

import io

import numpy as np
import pytest

from evaluate.watch.messages import read_message, write_message

FRAME = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


def test_messages_are_read_as_they_were_written() -> None:
    pipe = io.BytesIO()
    write_message(pipe, {"places": [0, 2], "time": 0.25}, FRAME)
    write_message(pipe, {"notice": "näher"})
    pipe.seek(0)
    header, frame = read_message(pipe) or ({}, None)
    assert header == {"places": [0, 2], "time": 0.25}
    assert frame is not None and np.array_equal(frame, FRAME)
    assert read_message(pipe) == ({"notice": "näher"}, None)
    assert read_message(pipe) is None


@pytest.mark.parametrize("cut", [1, 20, 40])
def test_a_message_that_breaks_off_is_no_message(cut: int) -> None:
    pipe = io.BytesIO()
    write_message(pipe, {"time": 0.25}, FRAME)
    assert read_message(io.BytesIO(pipe.getvalue()[:-cut])) is None
