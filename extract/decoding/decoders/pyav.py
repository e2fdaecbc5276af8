"""PyAV, the reference: FFmpeg's libraries on the CPU. Other decoders are compared with it."""

from functools import partial
from pathlib import Path

import av

from extract.clip import DecodeError
from extract.decoding.decoders.video_decoder import Frames, VideoDecoder
from extract.decoding.frame_count import count_packets
from extract.decoding.rgb_frame import RgbConverter
from extract.decoding.video_file import open_video


def read_with_pyav(path: Path, nvdec: bool = False) -> Frames:
    """Yield the frames of a video file in order.

    Args:
        path: the file.
        nvdec: decode on the GPU.

    Raises:
        DecodeError: the file cannot be opened, or is damaged.
    """
    with open_video(path, nvdec) as (container, stream):
        stream.codec_context.thread_count = 1  # each decode worker uses one core
        convert, count = RgbConverter(), 0
        try:
            for frame in container.decode(stream):
                if frame.is_corrupt:
                    raise DecodeError(f"damaged at frame {count}")
                yield partial(convert, frame)
                count += 1
        except av.FFmpegError as error:
            raise DecodeError(f"damaged after frame {count}: {error.strerror}") from error


PYAV = VideoDecoder(count=count_packets, read=read_with_pyav, package="av", recorded_as="pyav", trusted=True)
