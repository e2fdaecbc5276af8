"""A clip whose frames carry their own number: tells whether a decoder returned the frames it was asked for.

MPEG-4 ASP with B-frames in AVI under the tag XVID, as UCF101's files are, or H.264. The number is drawn as 16 black or
white blocks, which survive compression; the background moves, so that the encoder has something to predict.
"""

from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

_BITS = 16


def write_numbered_clip(
    path: Path, num_frames: int, size: tuple[int, int] = (320, 240), codec: Literal["mpeg4", "libx264"] = "mpeg4"
) -> None:
    """Write a clip of `num_frames` frames of `size` (width, height) pixels, at least 64x64."""
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


def read_number(picture: NDArray[np.uint8]) -> int:
    """Read the number off a decoded (H, W, 3) picture."""
    height, width = picture.shape[:2]
    number = 0
    for bit in range(_BITS):
        rows, columns = _block(bit, width, height)
        number |= int(picture[rows, columns].mean() > 127) << bit
    return number


def _draw(number: int, width: int, height: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    picture = np.stack([(x + 3 * number) % 256, (y + 2 * number) % 256, (x + y) % 256], axis=2).astype(np.uint8)
    for bit in range(_BITS):
        rows, columns = _block(bit, width, height)
        picture[rows, columns] = 235 if number >> bit & 1 else 16
    return picture


def _block(bit: int, width: int, height: int) -> tuple[slice, slice]:
    row, column = divmod(bit, 4)
    return (
        slice(row * height // 4, (row + 1) * height // 4),
        slice(column * width // 8, (column + 1) * width // 8),  # the left half; the right half stays background
    )
