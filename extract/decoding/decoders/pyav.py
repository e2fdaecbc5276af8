"""PyAV, the reference: FFmpeg's libraries on the CPU. Other decoders are compared with it."""

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import av

from extract.clip import DecodeError
from extract.decoding.decoders.video_decoder import Frames, PieceFrames, VideoDecoder
from extract.decoding.frame_count import count_packets
from extract.decoding.piece_frames import NEAR, UNORDERED, in_piece, with_stamps
from extract.decoding.rgb_frame import RgbConverter
from extract.decoding.video_file import open_video
from manifests.pieces import Piece


def read_with_pyav(path: Path, nvdec: bool = False) -> Frames:
    """Yield the frames of a video file in order.

    Args:
        path: the file.
        nvdec: decode on the GPU.

    Raises:
        DecodeError: the file cannot be opened, or is damaged.
    """
    with open_video(path, nvdec) as (container, stream):
        convert = RgbConverter()
        for frame in _decoded(container, stream):
            yield partial(convert, frame)


def read_piece_with_pyav(path: Path, piece: Piece, nvdec: bool = False) -> PieceFrames:
    """Yield the frames of a piece of a video file in order, and None for each frame before the piece.

    Args:
        path: the file.
        piece: the part.
        nvdec: decode on the GPU.

    Raises:
        DecodeError: the file cannot be opened, is damaged, or has no such piece.
    """
    with open_video(path, nvdec) as (container, stream):
        convert = RgbConverter()
        near = NEAR if container.format.name == UNORDERED else 0
        stamped = with_stamps(_decoded(container, stream), near)
        for frame in in_piece(stamped, stream.time_base or Fraction(1), piece):
            yield None if frame is None else partial(convert, frame)


def _decoded(container: "av.container.InputContainer", stream: "av.VideoStream") -> Iterator["av.VideoFrame"]:
    stream.codec_context.thread_count = 1  # each decode worker uses one core
    count = 0
    try:
        for frame in container.decode(stream):
            if frame.is_corrupt:
                raise DecodeError(f"damaged at frame {count}")
            yield frame
            count += 1
    except av.FFmpegError as error:
        raise DecodeError(f"damaged after frame {count}: {error.strerror}") from error


PYAV = VideoDecoder(
    count=count_packets,
    read=read_with_pyav,
    read_piece=read_piece_with_pyav,
    package="av",
    recorded_as="pyav",
    trusted=True,
)
