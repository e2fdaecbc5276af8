"""decord, an optional package: faster than PyAV on some files, and refused where its frames differ from PyAV's."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from extract.clip import DecodeError
from extract.decoding.decoders.pyav import read_with_pyav
from extract.decoding.decoders.video_decoder import Frames, VideoDecoder
from extract.decoding.frame_count import FrameCount, FrameCounts, count_packets
from extract.decoding.video_file import open_video

# decord's older FFmpeg rounds pixels of MPEG-4 differently, by up to 2 grey levels (measured).
TOLERANCE = 3  # grey levels


def count_with_decord(path: Path) -> FrameCounts:
    """Decode a file with PyAV and compare: decord repeats frames of some files and shows others turned.

    Raises:
        DecodeError: decord's number of frames or its first frame differs from PyAV's.
    """
    counted = FrameCount(0, 0)
    for counted in count_packets(path):
        yield counted
    with open_video(path) as (_, stream):
        samples = stream.codec_context.format
        if samples and any(component.bits > 8 for component in samples.components):
            raise DecodeError(
                "decord shows colours of more than 8 bits in another way than ffmpeg; use the decoder pyav"
            )
    count, first = 0, None
    for convert in read_with_pyav(path):
        first = convert() if first is None else first
        count += 1
        yield FrameCount(count, 0)
    reader = _reader(path)
    if len(reader) != count:
        raise DecodeError(f"decord counts {len(reader)} frames where {count} are shown; use the decoder pyav")
    if first is not None and not _look_the_same(next(read_with_decord(path))(), first):
        raise DecodeError("decord shows its first picture in another way than ffmpeg; use the decoder pyav")
    yield FrameCount(count, counted.declared)


def read_with_decord(path: Path) -> Frames:
    """Yield the frames of a video file in order.

    Raises:
        DecodeError: decord cannot open the file.
    """
    # All frames in order, because decord's access by sparse indices returns wrong frames of XviD.
    reader = _reader(path)
    for _ in range(len(reader)):
        frame = reader.next()
        yield frame.asnumpy


def _look_the_same(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    return one.shape == other.shape and int(np.abs(one.astype(np.int16) - other).max()) <= TOLERANCE


def _reader(path: Path):  # type: ignore[no-untyped-def]  # decord has no types
    import decord

    try:
        return decord.VideoReader(str(path), num_threads=1)
    except (decord.DECORDError, RuntimeError) as error:
        raise DecodeError(f"decord cannot open it: {str(error).splitlines()[-1]}") from error


DECORD = VideoDecoder(
    count=count_with_decord, read=read_with_decord, package="decord", recorded_as="decord", module="decord"
)
