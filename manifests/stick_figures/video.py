"""Encode pictures to an AVI file as XviD does: MPEG-4 ASP with B-frames, always with the same bytes.

The quantiser is constant, because with a rate control the quality of a frame would depend on later frames. A decoded
frame depends on at most `MAX_B_FRAMES` later frames.
"""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags

from common.errors import UserError
from common.files import atomic_write
from manifests.stick_figures.drawing import Frame

FRAMES_PER_SECOND = 25
MAX_B_FRAMES = 2  # a B-frame depends on the next frame of another type, which is at most this many frames later
_KEYFRAME_EVERY = 12
_QUANTISER = 4  # 1 (best) to 31


def check_size(size: tuple[int, int]) -> None:
    """Check that videos of a (width, height) in pixels can be written.

    Raises:
        UserError: a side is odd or shorter than 32 pixels.
    """
    if any(side % 2 or side < 32 for side in size):
        raise UserError(
            f"videos of {size[0]}x{size[1]} pixels cannot be drawn; both sides must be even and at least 32"
        )


def write_video(frames: Iterable[Frame], path: Path, size: tuple[int, int]) -> None:
    """Encode frames (height, width, 3) to an AVI file, atomically; `size` is (width, height)."""
    with (
        atomic_write(path) as temporary,
        av.open(str(temporary), "w", format="avi", container_options={"fflags": "+bitexact"}) as container,
    ):
        # No detection of scene cuts: the number of a frame decides whether it is a key frame.
        stream = container.add_stream("mpeg4", FRAMES_PER_SECOND, options={"sc_threshold": "1000000000"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.codec_tag = "XVID"
        context.gop_size = _KEYFRAME_EVERY
        context.max_b_frames = MAX_B_FRAMES
        context.thread_count = 1
        context.flags |= Flags.qscale | Flags.bitexact  # qscale: no rate control
        context.qmin = context.qmax = _QUANTISER  # PyAV cannot set the quality of a frame, so the range has one value
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FRAMES_PER_SECOND)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
