"""The frames of a piece of a video file: by their time stamps, decoded from the beginning of the file.

So they are the frames that a decoding of the whole file gives. A seek would be faster, but readers that seek return
wrong frames of some files. The decoding ends behind the piece, so a piece costs what lies before it.
Frames that are not kept are not converted to RGB.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av

from extract.clip import DecodeError
from extract.decoding.frame_count import FrameCount, is_hidden
from extract.decoding.video_file import open_video
from manifests.pieces import Piece

SHORTER = 200  # milliseconds by which a piece may end after its file, or a twentieth of the piece if that is more
# AVI stores no times. FFmpeg gives a B-frame the time of another frame near it, and the order of the frames is right.
UNORDERED, NEAR = "avi", 16  # format; H.264 holds no frame back for more than 16
ENCODE = "encode it again, as with `ffmpeg -i FILE NEW.mp4`"


class Clock:
    """The times of a stream's frames in whole milliseconds; 0 is the first one. See `manifests.pieces`.

    Args:
        unit: of the time stamps, in seconds.
    """

    def __init__(self, unit: Fraction) -> None:
        self.unit = unit
        self.first: int | None = None

    def milliseconds(self, stamp: int) -> int:
        """Return the time of a time stamp."""
        if self.first is None:
            self.first = stamp
        return int(((stamp - self.first) * self.unit * 1000 + Fraction(1, 2)) // 1)


def count_piece(path: Path, piece: Piece) -> Iterator[FrameCount]:
    """Yield how many packets of a piece were found so far. It is a guess: the decoding decides.

    Raises:
        DecodeError: the file cannot be opened, is no video, or is damaged.
    """
    with open_video(path) as (container, stream):
        clock, found = Clock(stream.time_base or Fraction(1)), 0
        yield FrameCount(0, 0)
        try:
            for packet in container.demux(stream):
                stamp = packet.dts if packet.pts is None else packet.pts
                if not packet.size or packet.is_discard or is_hidden(packet) or stamp is None:
                    continue
                time = clock.milliseconds(stamp)
                found += piece.start <= time and not is_past(time, piece)
                yield FrameCount(found, 0)
                if packet.dts is not None and is_past(clock.milliseconds(packet.dts), piece):
                    return
        except av.FFmpegError as error:
            raise DecodeError(f"damaged in its packets: {error.strerror}") from error


def is_past(time: int, piece: Piece) -> bool:
    """Tell whether a time is after a piece."""
    return bool(piece.end) and time >= piece.end


def with_stamps(frames: Iterable["av.VideoFrame"], near: int) -> Iterator[tuple[int, "av.VideoFrame"]]:
    """Yield the frames of a file in their order, each with its time stamp.

    Args:
        frames: in order.
        near: the frame k gets the k-th of the stamps, which belongs to a frame at most so many frames away; 0: its own.

    Raises:
        DecodeError: a frame has no time.
    """
    stamps: list[int] = []
    waiting: deque[av.VideoFrame] = deque()
    for frame in frames:
        if frame.pts is None:
            raise DecodeError(f"its frames have no times, so no piece of it can be cut; {ENCODE}")
        heapq.heappush(stamps, frame.pts)
        waiting.append(frame)
        if len(waiting) > near:
            yield heapq.heappop(stamps), waiting.popleft()
    while waiting:
        yield heapq.heappop(stamps), waiting.popleft()


def in_piece(
    frames: Iterable[tuple[int, "av.VideoFrame"]], unit: Fraction, piece: Piece
) -> Iterator["av.VideoFrame | None"]:
    """Yield the frames of a piece, and None for each frame before it.

    Args:
        frames: of the file, in order, with their time stamps.
        unit: of the time stamps, in seconds.
        piece: the part that is wanted.

    Raises:
        DecodeError: the times are not in order; the piece begins after the end of the file,
            ends clearly after it, or has no frame.
    """
    clock, number, found, last, end = Clock(unit), -1, 0, 0, 0
    for number, (stamp, frame) in enumerate(frames):
        time = clock.milliseconds(stamp)
        if number and stamp <= last:
            raise DecodeError(f"the times of its frames are not in order at frame {number}; {ENCODE}")
        end = stamp + (frame.duration or (stamp - last if number else 0))
        last = stamp
        if is_past(time, piece):
            break
        found += time >= piece.start
        yield frame if time >= piece.start else None
    else:
        if number >= 0:
            _refuse_end(clock.milliseconds(end), piece)
    if number >= 0 and not found:
        raise DecodeError(f"no frame is shown in the seconds {piece}; give it a longer piece")


def _refuse_end(end: int, piece: Piece) -> None:
    """Refuse a piece that the file does not have; `end` is when the file ends, in milliseconds."""
    if piece.start >= end:
        raise DecodeError(f"the piece begins at {piece.start / 1000:g} s, and the file ends at {end / 1000:g} s")
    if piece.end - end > max(SHORTER, (piece.end - piece.start) // 20):
        raise DecodeError(
            f"cut: the piece ends at {piece.end / 1000:g} s, and the file at {end / 1000:g} s; an empty end means the "
            "end of the file"
        )
