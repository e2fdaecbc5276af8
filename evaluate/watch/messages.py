"""The messages from a feeder process to its parent: a line of JSON, and the bytes of a frame after it."""

import json
import time
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

LONGEST_LINE = 1 << 16  # bytes of a header
LIFE_SECONDS = 1.0  # between two signs of life, where nothing else is sent


class Sender:
    """Writes messages, and signs of life where nothing else is sent for a while: the parent then knows of no hang.

    Args:
        out: the pipe.
    """

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._last = time.monotonic()

    def send(self, header: dict[str, Any], frame: NDArray[np.uint8] | None = None) -> None:
        """Write a message; see `write_message`."""
        write_message(self._out, header, frame)
        self._last = time.monotonic()

    def notice(self, sentence: str) -> None:
        """Write a sentence about the source."""
        self.send({"notice": sentence})

    def alive(self) -> None:
        """Write a sign of life, if the last message is older than that."""
        if time.monotonic() - self._last >= LIFE_SECONDS:
            self.send({"alive": True})

    def sleep(self, seconds: float) -> None:
        """Wait, and give signs of life meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, LIFE_SECONDS))
            self.alive()


def write_message(out: IO[bytes], header: dict[str, Any], frame: NDArray[np.uint8] | None = None) -> None:
    """Write a message and send it.

    Args:
        out: the pipe.
        header: plain values.
        frame: (H, W, 3) uint8; None: the message has no frame.
    """
    if frame is not None:
        header = {**header, "shape": frame.shape}
    out.write(json.dumps(header).encode() + b"\n")
    if frame is not None:
        out.write(np.ascontiguousarray(frame).data)
    out.flush()


def read_message(source: IO[bytes]) -> tuple[dict[str, Any], NDArray[np.uint8] | None] | None:
    """Return the next message and its frame; None: the pipe has ended, or ends within a message."""
    line = source.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        return None
    header = json.loads(line)
    shape = header.pop("shape", None)
    if shape is None:
        return header, None
    frame = np.empty(shape, np.uint8)  # torch takes arrays that can be written, and those of bytes cannot
    content = source.read(frame.nbytes)
    if len(content) < frame.nbytes:
        return None
    frame.data.cast("B")[:] = content
    return header, frame
