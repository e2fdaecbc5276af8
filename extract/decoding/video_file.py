"""Opening a video file and choosing its stream, by the same rule for counting and for decoding."""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import av
from av.codec.hwaccel import HWAccel
from av.stream import Disposition

from extract.clip import MISSING_FILE, DecodeError


@contextlib.contextmanager
def open_video(
    path: Path, nvdec: bool = False, options: Mapping[str, str] | None = None
) -> Iterator[tuple["av.container.InputContainer", "av.VideoStream"]]:
    """Open a video file and choose its stream.

    Args:
        path: the file.
        nvdec: decode on the first GPU that CUDA_VISIBLE_DEVICES shows.
        options: options of FFmpeg's demuxer.

    Raises:
        DecodeError: the file cannot be opened, is text, or has no video stream.
    """
    with _open(path, nvdec, options) as container:
        if container.format.name == "tty":  # FFmpeg draws the letters of a text file as the frames of a video
            raise DecodeError("not a video that can be opened: it is a text file")
        yield container, _choose_stream(container)


def frame_rate(path: Path) -> Fraction | None:
    """Return the average number of frames a second of a video file; None: the file does not say it.

    Raises:
        DecodeError: the file cannot be opened, or has no video stream.
    """
    with open_video(path) as (_, stream):
        return stream.average_rate or stream.guessed_rate


def _choose_stream(container: "av.container.InputContainer") -> "av.VideoStream":
    """Return the stream that FFmpeg rates best, but never an attached picture, such as the cover of a song."""
    streams = container.streams.video
    if not streams:
        raise DecodeError("no video stream in it")
    moving = [stream for stream in streams if not stream.disposition & Disposition.attached_pic]
    if not moving:
        raise DecodeError("no video in it: its only picture is a cover (an attached picture)")
    best = container.streams.best("video")
    stream = best if isinstance(best, av.VideoStream) and best in moving else moving[0]
    if stream.codec_context is None:
        raise DecodeError("FFmpeg has no decoder for its video stream")
    return stream


def _open(path: Path, nvdec: bool, options: Mapping[str, str] | None) -> "av.container.InputContainer":
    try:
        return av.open(
            str(path),
            metadata_errors="replace",
            hwaccel=_nvdec()[0] if nvdec else None,
            options=dict(options or {}),
        )
    except FileNotFoundError as error:
        raise DecodeError(MISSING_FILE) from error
    except (av.FFmpegError, OSError) as error:
        if nvdec:  # PyAV has opened the file before
            raise DecodeError(f"NVDEC does not take it: {error}") from error
        reason = "the file is empty" if path.is_file() and not path.stat().st_size else error.strerror
        raise DecodeError(f"not a video that can be opened: {reason}") from error


@functools.cache
def _nvdec() -> tuple[HWAccel, HWAccel]:
    """Return NVDEC, and an object that keeps its context: a new context takes longer than decoding a short clip."""
    nvdec = HWAccel("cuda", allow_software_fallback=False, options={"primary_ctx": "1"})
    return nvdec, nvdec.create(av.Codec("h264"))
