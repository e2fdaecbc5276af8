"""Write a video again with its probabilities below the picture, and the joints that the model has seen in it.

The file is decoded and encoded in a process of its own: a library that crashes fails one video. The sound is left out.
A video whose rate changes gets its mean rate.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from common.errors import UserError
from common.files import atomic_write
from evaluate.live.panel import Panel
from evaluate.live.recognition import Recognition
from evaluate.report.draw_poses import draw_poses
from extract.clip import DecodeError
from extract.decoding.decoders.video_decoder import Frames
from extract.decoding.frame_folder import read_frames
from extract.decoding.rgb_frame import RgbConverter
from extract.decoding.video_file import open_video
from extract.poses.networks import BlazePose
from extract.poses.settings import PoseSettings
from extract.poses.video import poses_of_frames
from extract.segments import segment_bounds
from extract.sources.fetch import Scratch
from extract.sources.location import is_url

Pictures = Iterator[NDArray[np.uint8]]  # (H, W, 3) RGB

ENCODERS = ("libx264", "h264", "mpeg4")  # the first that FFmpeg has here
NARROWEST = 320  # pixels; a narrower picture is enlarged, so that the panel can be read
USUAL_RATE = Fraction(25)  # of a folder of images, which has none


def annotate(path: str, recognition: Recognition, out: Path, top: int = 3, poses: PoseSettings | None = None) -> None:
    """Write an annotated MP4.

    Args:
        path: the video, a folder of images, or a URL.
        recognition: of this video.
        out: the file to write; it is whole or absent.
        top: how many classes have a bar.
        poses: how joints are found in the video, to draw them; None: the model takes none.

    Raises:
        UserError: the file cannot be decoded or written.
    """
    context = get_context("spawn")  # a fork would share the threads of torch
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            pool.submit(_write, path, recognition, out, top, poses).result()
        except BrokenProcessPool as error:
            raise UserError(f"{out} was not written: the process that draws {path} crashed") from error


def _write(path: str, recognition: Recognition, out: Path, top: int, poses: PoseSettings | None = None) -> None:
    try:
        with _local(path) as file, _opened(file) as (rate, frames), atomic_write(out) as temporary:
            pictures = (convert() for convert in frames)
            _encode(temporary, rate, _with_joints(pictures, poses) if poses else pictures, recognition, top)
    except (DecodeError, av.FFmpegError) as error:
        raise UserError(f"{out} was not written: {path}: {error}") from error


@contextlib.contextmanager
def _local(path: str) -> Iterator[Path]:
    """Give the local file of a path or a URL."""
    if not is_url(path):
        yield Path(path)
        return
    with (
        contextlib.closing(Scratch()) as scratch,
        scratch.fetched(path, 0, 0, path.partition("?")[0], _nothing) as file,
    ):
        yield file


def _nothing() -> None:
    """Take no notice of a sign of life."""


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[tuple[Fraction, Frames]]:
    """Give the frames of a video in order, upright, and their rate."""
    if file.is_dir():
        yield USUAL_RATE, read_frames(file)
        return
    with open_video(file) as (container, stream):
        rate = stream.average_rate or stream.guessed_rate or USUAL_RATE
        yield rate.limit_denominator(1001), _decoded(container, stream)


def _decoded(container: "av.container.InputContainer", stream: "av.VideoStream") -> Frames:
    convert = RgbConverter()
    for frame in container.decode(stream):

        def upright(frame: "av.VideoFrame" = frame) -> NDArray[np.uint8]:
            return convert(frame)

        yield upright


def _with_joints(frames: Pictures, poses: PoseSettings) -> Pictures:
    """Yield the frames with the joints that are found in them."""
    shown, looked_at = itertools.tee(frames)
    networks = BlazePose(Path(poses.detector), Path(poses.landmarks))
    for frame, found in zip(shown, poses_of_frames(looked_at, networks, poses.persons, "image"), strict=True):
        yield draw_poses(frame, found)


def _encode(out: Path, rate: Fraction, frames: Pictures, recognition: Recognition, top: int) -> None:
    ends = segment_bounds(recognition.num_frames, len(recognition.probabilities))[:, 1].tolist()
    with av.open(str(out), "w", format="mp4") as container:
        encode: Callable[[NDArray[np.uint8]], None] | None = None
        for number, frame in enumerate(frames):
            picture = enlarged(frame)
            if encode is None:
                panel = Panel(recognition, ends, top, picture.shape[1])
                encode = _encoder(container, rate, picture.shape[1], picture.shape[0] + panel.height)
            encode(np.concatenate([picture, panel.draw(number)]))
        if encode is None:
            raise DecodeError("no frame in it can be decoded")
        container.mux(container.streams.video[0].encode(None))


def _encoder(
    container: "av.container.OutputContainer", rate: Fraction, width: int, height: int
) -> Callable[[NDArray[np.uint8]], None]:
    """Add a video stream; return a function that encodes the next picture (H, W, 3)."""
    stream = add_stream(container, rate, width, height)
    numbers = iter(range(1 << 62))

    def encode(picture: NDArray[np.uint8]) -> None:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts, frame.time_base = next(numbers), 1 / rate
        container.mux(stream.encode(frame))

    return encode


def add_stream(container: "av.container.OutputContainer", rate: Fraction, width: int, height: int) -> "av.VideoStream":
    """Add a video stream with the first of `ENCODERS` that there is; the sides must be even."""
    codec = next(name for name in ENCODERS if _can_encode(name))
    stream = container.add_stream(codec, rate=rate)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    if codec != "libx264":  # which goes by quality
        stream.bit_rate = 8 * width * height  # bits a second
    return stream


def _can_encode(name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except ValueError:  # PyAV's error for an encoder that FFmpeg does not have here
        return False
    return True


def enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3) that is at least NARROWEST wide, with sides that are even, as encoders need them."""
    factor = -(-NARROWEST // picture.shape[1])
    larger = picture.repeat(factor, 0).repeat(factor, 1)
    return np.pad(larger, ((0, larger.shape[0] % 2), (0, larger.shape[1] % 2), (0, 0)), mode="edge")
