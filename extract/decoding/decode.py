"""The frames of a clip's segments: each file is decoded once, in order. Nothing here loads torch: workers start fast.

Which frames are wanted depends on the number of frames, and the headers of containers are often wrong about it. So
the packets are counted first, which needs no decoding. Then the file is decoded in order, and the frames that the
count asks for are kept. If the count was wrong, the file is decoded again with the true number. The decoders never
seek: readers that seek return wrong frames of some files. Pieces of files are in `extract.decoding.piece_frames`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from extract.clip import Clip, DecodeError
from extract.decoding.decoders import DECODERS
from extract.decoding.decoders.video_decoder import PieceFrames
from extract.decoding.frame_count import FrameCount, FrameCounts, is_interlaced, refuse_cut
from extract.decoding.frame_folder import count_frames, read_frames
from extract.decoding.piece_frames import count_piece
from extract.decoding.resize_frame import FrameResizer
from extract.decoding.video_file import frame_rate
from extract.networks.geometry import Geometry
from extract.segments import SegmentTime, frame_indices, repeat_last, timed_count, timed_frames
from manifests.pieces import Piece

# Which frames a video has and how they are shown. A changed rule needs a changed text: caches are told apart by it.
FRAMES_RULE = "shown frames of FFmpeg's best stream; upright by the display matrix; rgb24 as ffmpeg makes it"


def decode_clip(
    path: Path,
    num_segments: int,
    frames_per_segment: int,
    decoder: str = "pyav",
    expected: int = 0,
    alive: Callable[[], None] = lambda: None,
    geometry: Geometry | None = None,
    time: SegmentTime | None = None,
    piece: Piece | None = None,
) -> Clip:
    """Decode the frames of a clip's segments.

    Args:
        path: the video file, or a folder with its frames as images.
        num_segments: N.
        frames_per_segment: F.
        decoder: a name of `DECODERS`.
        expected: the number of frames in the manifest; 0: unknown.
        alive: is called at every packet that is counted and at every frame that is decoded.
        geometry: the size that the frames get; None: their own.
        time: the length of a segment; None: the N segments share the length of the clip.
        piece: the part of the file that is the clip; None: all of it.

    Raises:
        DecodeError: the file is no video, is damaged or cut, has no frames or not this piece, its frames change their
            size, or its frame rate is needed and not known.
    """
    segments = _Segments(num_segments, frames_per_segment, None if time is None else segment_frames(path, time))
    count, read = _reader(path, decoder, piece)
    resizer = FrameResizer(geometry) if geometry else None
    counted = _count(count(path), alive)
    indices, own = segments.of(max(counted.packets, 1))
    kept, num_frames = _keep(read(path), indices, alive, resizer)
    _refuse_missing(path, num_frames, counted, expected)
    if num_frames != counted.packets:
        indices, own = segments.of(num_frames)
        if not kept.keys() >= set(indices.flat):
            kept, _ = _keep(read(path), indices, alive, resizer)
    wanted, positions = np.unique(indices, return_inverse=True)
    frames = np.stack([kept[index] for index in wanted.tolist()])
    chosen = positions.reshape(indices.shape).astype(np.int64)
    return Clip(frames, chosen, num_frames, resized=geometry is not None, num_segments=own)


def every_frame(
    path: Path,
    decoder: str = "pyav",
    expected: int = 0,
    alive: Callable[[], None] = lambda: None,
    piece: Piece | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Yield every frame of a clip (H, W, 3) RGB in order. At the end it is checked that none is missing.

    Args:
        path: the video file, or a folder with its frames as images.
        decoder: a name of `DECODERS`.
        expected: the number of frames in the manifest; 0: unknown.
        alive: is called at every packet that is counted and at every frame that is decoded.
        piece: as in `decode_clip`.

    Raises:
        DecodeError: as `decode_clip`.
    """
    count, read = _reader(path, decoder, piece)
    counted = _count(count(path), alive)
    size, num_frames = None, 0
    for convert in read(path):
        alive()
        if convert is None:  # before the piece
            continue
        frame = convert()
        if size not in (None, frame.shape):
            raise DecodeError(f"the picture changes its size within the file: {sorted([size, frame.shape])}")
        size = frame.shape
        num_frames += 1
        yield frame
    _refuse_missing(path, num_frames, counted, expected)


def _count(counts: FrameCounts, alive: Callable[[], None]) -> FrameCount:
    """Return the number of frames that a count ends with."""
    counted = FrameCount(0, 0)
    for count_so_far in counts:
        counted = count_so_far
        alive()
    return counted


def _refuse_missing(path: Path, num_frames: int, counted: FrameCount, expected: int) -> None:
    """Raise a DecodeError if fewer frames were decoded than there should be."""
    if num_frames == 0:
        raise DecodeError("no frame in it can be decoded")
    declared = counted.declared
    if num_frames < declared and is_interlaced(path):
        declared = (declared + 1) // 2
    refuse_cut(num_frames, declared, "its header declares")
    refuse_cut(num_frames, expected, "the manifest gives")


def _reader(
    path: Path, decoder: str, piece: Piece | None
) -> tuple[Callable[[Path], FrameCounts], Callable[[Path], PieceFrames]]:
    """Return what counts the frames of a clip before they are decoded, and what reads them."""
    if path.is_dir():
        if piece is not None:
            raise DecodeError(
                "a folder of images has no times, so a piece of it cannot be cut; give the piece a folder"
            )
        return count_frames, read_frames
    entry = DECODERS[decoder]
    if piece is None:
        return entry.count, entry.read
    if entry.read_piece is None:
        raise DecodeError(f"the decoder {decoder} does not know the times of frames; use pyav for pieces of files")
    read_piece = entry.read_piece
    return lambda file: count_piece(file, piece), lambda file: read_piece(file, piece)


@dataclass(frozen=True)
class _Segments:
    """The segments of a video: at most N, F frames in each, and r·S if they last a fixed time."""

    num_segments: int
    frames_per_segment: int
    segment_frames: Fraction | None

    def of(self, num_frames: int) -> tuple[NDArray[np.int64], int | None]:
        """Return the frames (N, F) of a video's segments, and how many segments it has; None: all N."""
        if self.segment_frames is None:
            return frame_indices(num_frames, self.num_segments, self.frames_per_segment), None
        own = timed_count(num_frames, self.segment_frames, self.num_segments)
        frames = timed_frames(num_frames, self.segment_frames, own, self.frames_per_segment)
        return repeat_last(frames, self.num_segments), own


def segment_frames(path: Path, time: SegmentTime) -> Fraction:
    """Return how many frames a segment of a video lasts."""
    try:
        return time.frames(None if path.is_dir() else frame_rate(path))
    except ValueError as error:
        raise DecodeError(str(error)) from error


def _keep(
    frames: PieceFrames, indices: NDArray[np.int64], alive: Callable[[], None], resize: FrameResizer | None
) -> tuple[dict[int, NDArray[np.uint8]], int]:
    """Return the frames with these indices, by index, and the number of all frames."""
    wanted = set(indices.flat)
    kept: dict[int, NDArray[np.uint8]] = {}
    sizes = set()
    count = 0
    for convert in frames:
        alive()
        if convert is None:  # before the piece
            continue
        if count in wanted:
            frame = convert()
            sizes.add(frame.shape)
            kept[count] = frame if resize is None else resize(frame)
        count += 1
    if len(sizes) > 1:
        raise DecodeError(f"the picture changes its size within the file: {sorted(sizes)}")
    return kept, count
