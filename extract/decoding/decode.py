"""A video file to the frames asked for: decoded once, in order, exact. No torch here: workers start fast.

The indices depend on the number of frames, which containers lie about. So packets are counted first (no decoding),
the file is decoded in order keeping the frames that count asks for, and only if the count was a lie is it
decoded again with the true one. Seeking, where other readers return wrong frames, is never done.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from extract.clip import Clip, DecodeError
from extract.decoding.frame_count import FrameCount, FrameCounts, count_packets, is_interlaced, refuse_cut
from extract.decoding.frame_folder import frame_files, read_frames
from extract.decoding.rgb_frame import RgbConverter
from extract.decoding.video_file import open_video
from extract.segments import frame_indices

# Which frames a video has and how they are shown. Another rule must have another text: it tells caches apart.
FRAMES_RULE = "shown frames of FFmpeg's best stream; upright by the display matrix; rgb24 as ffmpeg makes it"
NVDEC_CODECS = ("h264", "hevc")  # their standards fix every bit of a picture, so that NVDEC's are PyAV's
DECORD_TOLERANCE = 3  # grey levels

# Frames in order from the first to the last; each is converted to RGB only when its function is called.
Frames = Iterator[Callable[[], NDArray[np.uint8]]]


def decode_clip(
    path: Path,
    num_segments: int,
    frames_per_segment: int,
    decoder: str = "pyav",
    expected: int = 0,
    alive: Callable[[], None] = lambda: None,
) -> Clip:
    """Decode the frames of a clip's segments.

    Args:
        path: the video file, or a folder of its frames as pictures.
        num_segments: N.
        frames_per_segment: F.
        decoder: "pyav", "decord" where it is installed, "nvdec" where there is one.
        expected: number of frames the manifest gives; 0: unknown.
        alive: called at every packet that is counted and every frame that is decoded.

    Raises:
        DecodeError: not a video, damaged, cut, without frames, or changing its size.
    """
    promise, read = (_count_folder, read_frames) if path.is_dir() else DECODERS[decoder]
    promised = FrameCount(0, 0)
    for promise_so_far in promise(path):
        promised = promise_so_far
        alive()
    indices = frame_indices(max(promised.packets, 1), num_segments, frames_per_segment)
    kept, num_frames = _keep(read(path), indices, alive)
    if num_frames == 0:
        raise DecodeError("no frame in it can be decoded")
    declared = promised.declared
    if num_frames < declared and is_interlaced(path):
        declared = (declared + 1) // 2
    refuse_cut(num_frames, declared, "its header declares")
    refuse_cut(num_frames, expected, "the manifest gives")
    if num_frames != promised.packets:
        indices = frame_indices(num_frames, num_segments, frames_per_segment)
        if not kept.keys() >= set(indices.flat):
            kept, _ = _keep(read(path), indices, alive)
    wanted, positions = np.unique(indices, return_inverse=True)
    frames = np.stack([kept[index] for index in wanted.tolist()])
    return Clip(frames, positions.reshape(indices.shape).astype(np.int64), num_frames)


def _keep(
    frames: Frames, indices: NDArray[np.int64], alive: Callable[[], None]
) -> tuple[dict[int, NDArray[np.uint8]], int]:
    wanted = set(indices.flat)
    kept: dict[int, NDArray[np.uint8]] = {}
    count = 0
    for convert in frames:
        if count in wanted:
            kept[count] = convert()
        count += 1
        alive()
    sizes = {frame.shape for frame in kept.values()}
    if len(sizes) > 1:
        raise DecodeError(f"the picture changes its size within the file: {sorted(sizes)}")
    return kept, count


def _read_pyav(path: Path, nvdec: bool = False) -> Frames:
    with open_video(path, nvdec) as (container, stream):
        stream.codec_context.thread_count = 1  # one worker, one core
        convert, count = RgbConverter(), 0
        try:
            for frame in container.decode(stream):
                if frame.is_corrupt:
                    raise DecodeError(f"damaged at frame {count}")
                yield partial(convert, frame)
                count += 1
        except av.FFmpegError as error:
            raise DecodeError(f"damaged after frame {count}: {error.strerror}") from error


def _read_nvdec(path: Path) -> Frames:
    # On the first GPU that CUDA_VISIBLE_DEVICES shows. Other codecs and kinds of pictures are left to PyAV.
    with open_video(path) as (_, stream):
        context = stream.codec_context
        taken = context.name in NVDEC_CODECS and context.pix_fmt == "yuv420p"
    yield from _read_pyav(path, nvdec=taken)


def _count_folder(path: Path) -> FrameCounts:
    if not (pictures := len(frame_files(path))):
        raise DecodeError("not a video, but a folder without pictures")
    yield FrameCount(pictures, 0)


def _count_decord(path: Path) -> FrameCounts:
    """Decode the file with PyAV too: decord repeats frames of some files and shows others turned or in other colours.

    Raises:
        DecodeError: its number of frames or its first picture is not PyAV's.
    """
    promised = FrameCount(0, 0)
    for promised in count_packets(path):
        yield promised
    with open_video(path) as (_, stream):
        samples = stream.codec_context.format
        if samples and any(component.bits > 8 for component in samples.components):
            raise DecodeError("decord shows colours of more than 8 bits in another way than ffmpeg; use --decoder pyav")
    count, first = 0, None
    for convert in _read_pyav(path):
        first = convert() if first is None else first
        count += 1
        yield FrameCount(count, 0)
    reader = _decord_reader(path)
    if len(reader) != count:
        raise DecodeError(f"decord counts {len(reader)} frames where {count} are shown; use --decoder pyav")
    if first is not None and not _look_the_same(next(_read_decord(path))(), first):
        raise DecodeError("decord shows its first picture in another way than ffmpeg; use --decoder pyav")
    yield FrameCount(count, promised.declared)


def _look_the_same(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    # decord's older FFmpeg rounds pictures of MPEG-4 otherwise, by up to 2 grey levels (measured).
    return one.shape == other.shape and int(np.abs(one.astype(np.int16) - other).max()) <= DECORD_TOLERANCE


def _read_decord(path: Path) -> Frames:
    # Full range, in order: decord's access by sparse indices returns wrong frames on XviD.
    reader = _decord_reader(path)
    for _ in range(len(reader)):
        frame = reader.next()
        yield frame.asnumpy


def _decord_reader(path: Path):  # type: ignore[no-untyped-def]  # decord has no types
    import decord

    try:
        return decord.VideoReader(str(path), num_threads=1)
    except (decord.DECORDError, RuntimeError) as error:
        raise DecodeError(f"decord cannot open it: {str(error).splitlines()[-1]}") from error


DECODERS: dict[str, tuple[Callable[[Path], FrameCounts], Callable[[Path], Frames]]] = {
    "pyav": (count_packets, _read_pyav),
    "decord": (_count_decord, _read_decord),
    "nvdec": (count_packets, _read_nvdec),
}
