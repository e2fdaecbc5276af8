"""A video file to the frames asked for: decoded once, in order, exact. No torch here: workers start fast.

The indices depend on the number of frames, which containers lie about. So packets are counted first (no decoding),
the file is decoded in order keeping the frames that count asks for, and only if the count was a lie is it
decoded again with the true one. Seeking, where other readers return wrong frames, is never done.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.codec.hwaccel import HWAccel
from numpy.typing import NDArray

from extract.clip import Clip, DecodeError
from extract.decoding.frame_folder import frame_files, read_frames
from extract.segments import frame_indices

NVDEC_CODECS = ("h264", "hevc")  # their standards fix every bit of a picture, so that NVDEC's are PyAV's


@dataclass(frozen=True)
class Promise:
    """What a file says of itself before it is decoded: packets found, frames its header declares (0: silent)."""

    packets: int
    declared: int


# What a file says of itself while its packets are being counted; the last one counts.
Promises = Iterator[Promise]
# Frames in order from the first to the last; each is converted to RGB only when its function is called.
Frames = Iterator[Callable[[], NDArray[np.uint8]]]


def decode_clip(
    path: Path,
    segments: int,
    frames_per_segment: int,
    decoder: str = "pyav",
    expected: int = 0,
    alive: Callable[[], None] = lambda: None,
) -> Clip:
    """Decode the frames of a clip's segments.

    Args:
        path: the video file, or a folder of its frames as pictures.
        segments: N.
        frames_per_segment: F.
        decoder: "pyav", "decord" where it is installed, "nvdec" where there is one.
        expected: number of frames the manifest gives; 0: unknown.
        alive: called at every packet that is counted and every frame that is decoded.

    Raises:
        DecodeError: not a video, damaged, cut, without frames, or changing its size.
    """
    promise, read = (_promise_folder, read_frames) if path.is_dir() else DECODERS[decoder]
    promised = Promise(0, 0)
    for promise_so_far in promise(path):
        promised = promise_so_far
        alive()
    indices = frame_indices(max(promised.packets, 1), segments, frames_per_segment)
    kept, num_frames = _keep(read(path), indices, alive)
    if num_frames == 0:
        raise DecodeError("no frame in it can be decoded")
    refuse_cut(num_frames, promised.declared, "its header declares")
    refuse_cut(num_frames, expected, "the manifest gives")
    if num_frames != promised.packets:
        indices = frame_indices(num_frames, segments, frames_per_segment)
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


def refuse_cut(num_frames: int, promised: int, who: str) -> None:
    """Raise DecodeError where a recording has clearly fewer frames than `who` promised."""
    # Headers are a frame or two off on healthy files; a shorter file has other segments, so it is refused.
    if num_frames < promised - max(3, promised // 20):
        raise DecodeError(f"cut: {num_frames} frames can be decoded, {who} {promised}")


def _promise_pyav(path: Path) -> Promises:
    with _open(path) as container:
        stream = container.streams.video[0]
        packets, declared = 0, stream.frames
        yield Promise(packets, declared)
        for packet in container.demux(stream):
            packets += packet.size > 0
            yield Promise(packets, declared)


def _read_pyav(path: Path, nvdec: bool = False) -> Frames:
    with _open(path, nvdec) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1  # one worker, one core
        count = 0
        try:
            for frame in container.decode(stream):
                if frame.is_corrupt:
                    raise DecodeError(f"damaged at frame {count}")
                yield lambda frame=frame: _rgb(frame)  # type: ignore[misc]
                count += 1
        except av.FFmpegError as error:
            raise DecodeError(f"damaged after frame {count}: {error.strerror}") from error


def _read_nvdec(path: Path) -> Frames:
    # On the first GPU that CUDA_VISIBLE_DEVICES shows. Other codecs and kinds of pictures are left to PyAV.
    with _open(path) as container:
        context = container.streams.video[0].codec_context
        taken = context.name in NVDEC_CODECS and context.pix_fmt == "yuv420p"
    yield from _read_pyav(path, nvdec=taken)


@functools.cache
def _nvdec() -> tuple[HWAccel, HWAccel]:
    """Return NVDEC, and what keeps its context: making one for every file would take longer than a short clip."""
    nvdec = HWAccel("cuda", allow_software_fallback=False, options={"primary_ctx": "1"})
    return nvdec, nvdec.create(av.Codec("h264"))


def _open(path: Path, nvdec: bool = False) -> "av.container.InputContainer":
    try:
        container = av.open(str(path), metadata_errors="replace", hwaccel=_nvdec()[0] if nvdec else None)
    except FileNotFoundError as error:
        raise DecodeError("the file does not exist") from error
    except (av.FFmpegError, OSError) as error:
        if nvdec:  # without, it could be opened
            raise DecodeError(f"NVDEC does not take it: {error}") from error
        reason = "the file is empty" if path.is_file() and not path.stat().st_size else error.strerror
        raise DecodeError(f"not a video that can be opened: {reason}") from error
    if not container.streams.video:
        container.close()
        raise DecodeError("no video stream in it")
    return container


def _rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    # NVDEC's own layout of the same samples; RGB made of it directly differs by up to 54 grey levels (measured).
    planar = frame.reformat(format="yuv420p") if frame.format.name == "nv12" else frame
    picture = np.asarray(planar.to_ndarray(format="rgb24"), dtype=np.uint8)
    # Phones store turned pictures with a note how to turn them back, in degrees against the clock.
    return np.rot90(picture, frame.rotation // 90) if frame.rotation else picture


def _promise_folder(path: Path) -> Promises:
    if not (pictures := len(frame_files(path))):
        raise DecodeError("not a video, but a folder without pictures")
    yield Promise(pictures, 0)


def _promise_decord(path: Path) -> Promises:
    # decord's own count decides; PyAV tells what the header declares.
    declared = next(_promise_pyav(path)).declared
    yield Promise(len(_decord_reader(path)), declared)


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


DECODERS: dict[str, tuple[Callable[[Path], Promises], Callable[[Path], Frames]]] = {
    "pyav": (_promise_pyav, _read_pyav),
    "decord": (_promise_decord, _read_decord),
    "nvdec": (_promise_pyav, _read_nvdec),
}
