"""The messages from a feeder process to its parent: a line of JSON, and the bytes of a frame after it."""

import json
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

LONGEST_LINE = 1 << 16  # bytes of a header


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
