"""A synthetic clip whose frames show their own number, to check that a decoder returns the right frames.

It is MPEG-4 ASP with B-frames in AVI under the tag XVID, as UCF101's files are, or H.264. The number is drawn as 16
black or white blocks, which compression does not destroy. The background moves, so that the encoder has to predict.
"""

import struct
from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

_BITS = 16


def write_numbered_clip(
    path: Path, num_frames: int, size: tuple[int, int] = (320, 240), codec: Literal["mpeg4", "libx264"] = "mpeg4"
) -> None:
    """Write a clip of `num_frames` frames whose size is (width, height) pixels, at least 64x64."""
    width, height = size
    with av.open(str(path), "w", format="avi" if codec == "mpeg4" else "mp4") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if codec == "mpeg4":
            stream.codec_context.codec_tag = "XVID"
        stream.codec_context.max_b_frames = 2
        stream.codec_context.gop_size = 12
        stream.codec_context.bit_rate = 1_000_000
        for number in range(num_frames):
            frame = av.VideoFrame.from_ndarray(_draw(number, width, height), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def hide_beginning(path: Path, frames: int) -> None:
    """Hide the first frames of an MP4 that `write_numbered_clip` wrote, as a program that trims without encoding does.

    The frames stay in the file, but its edit list begins after them, so players decode them and do not show them.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None and stream.average_rate is not None
        seconds = frames / stream.average_rate
        ticks = int(seconds / stream.time_base)
    content = bytearray(path.read_bytes())
    at = content.index(b"elst") + 12  # here follow a duration in ms and a beginning
    duration, beginning = struct.unpack_from(">Ii", content, at)
    struct.pack_into(">Ii", content, at, duration - int(1000 * seconds), beginning + ticks)
    path.write_bytes(content)


def set_display_matrix(path: Path, matrix: tuple[float, float, float, float]) -> None:
    """Write a, b, c, d of a display matrix into the first track of an MP4; players turn and mirror by it."""
    content = bytearray(path.read_bytes())
    a, b, c, d = (round(value * 0x10000) for value in matrix)
    struct.pack_into(">9i", content, content.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(content)


def read_number(picture: NDArray[np.uint8]) -> int:
    """Return the number that a decoded frame (H, W, 3) shows."""
    height, width = picture.shape[:2]
    number = 0
    for bit in range(_BITS):
        rows, columns = _block(bit, width, height)
        number |= int(picture[rows, columns].mean() > 127) << bit
    return number


def _draw(number: int, width: int, height: int) -> NDArray[np.uint8]:
    x, y = np.arange(width), np.arange(height)[:, None]
    picture = np.empty((height, width, 3), np.uint8)
    for channel, level in enumerate((x + 3 * number, y + 2 * number, x + y)):
        picture[:, :, channel] = level % 256
    for bit in range(_BITS):
        rows, columns = _block(bit, width, height)
        picture[rows, columns] = 235 if number >> bit & 1 else 16
    return picture


def _block(bit: int, width: int, height: int) -> tuple[slice, slice]:
    row, column = divmod(bit, 4)
    return (
        slice(row * height // 4, (row + 1) * height // 4),
        slice(column * width // 8, (column + 1) * width // 8),  # in the left half; the right half is background
    )
