"""How many frames a video file should have, from its packets and its header, before anything is decoded.

Headers count samples or time units, not the frames that are shown. So the number in a container's header is compared
with the same kind of thing in the file. If the file has fewer, it is cut.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av

from extract.clip import DecodeError
from extract.decoding.truncation import (
    cut_box,
    flv_tag_is_cut,
    gif_is_cut,
    indexed_chunks,
    ogg_page_is_cut,
    segment_is_cut,
)
from extract.decoding.video_file import open_video

# Containers that declare times; the number of frames is estimated from these.
TIMED_FORMATS = ("avi", "flv", "matroska,webm")
# Containers of images, and the brands of MP4-like ones (HEIF, AVIF). With a single image they are no video.
PICTURE_FORMATS = ("image2", "mjpeg", "gif", "apng", "ico")
PICTURE_CODECS = ("bmp", "gif", "jpeg2000", "mjpeg", "png", "tiff", "webp")
PICTURE_BRANDS = ("avif", "heic", "heix", "heim", "heis", "mif1")


@dataclass(frozen=True)
class FrameCount:
    """The number of frames of a file, as far as it is known before decoding.

    Attributes:
        packets: the packets of frames that are to be shown; nearly always this is the number of frames.
        declared: how many such packets there should be according to the header; 0: it does not say.
    """

    packets: int
    declared: int


# The counts so far while the packets are counted; the last one is the result.
FrameCounts = Iterator[FrameCount]


def count_packets(path: Path) -> FrameCounts:
    """Count the packets of a video file, and compare them with its header.

    Raises:
        DecodeError: the file is no video, only an image, damaged, or cut.
    """
    with open_video(path) as (container, stream):
        seen = _Seen()
        yield FrameCount(0, 0)
        try:
            for packet in container.demux(stream):
                seen.add(packet)
                yield FrameCount(seen.shown, 0)
        except av.FFmpegError as error:
            raise DecodeError(f"damaged after packet {seen.found}: {error.strerror}") from error
        if seen.found == 1 or seen.several_pictures:
            _refuse_picture(container, stream)
        missing = _missing(container, stream, path, seen) if seen.found else None
        if missing is None:
            return
        estimated = container.format.name in TIMED_FORMATS and seen.step != 1
        refuse_cut(seen.shown, seen.shown + missing, f"its header declares{' about' if estimated else ''}")
        if seen.incomplete:
            raise DecodeError("damaged: a packet in it is incomplete")
        yield FrameCount(seen.shown, seen.shown + missing)


def is_interlaced(path: Path) -> bool:
    """Tell whether the first frame of a video consists of two fields, which may be two packets."""
    with open_video(path) as (container, stream):
        return any(frame.interlaced_frame for frame in itertools.islice(container.decode(stream), 1))


def refuse_cut(num_frames: int, promised: int, who: str) -> None:
    """Refuse a recording that has clearly fewer frames than it should have.

    Headers are wrong by a frame or two in healthy files. A file that is much shorter has other segments.

    Args:
        num_frames: the frames that it has.
        promised: the frames that it should have.
        who: subject and verb of the sentence, as in "the manifest gives".

    Raises:
        DecodeError: it is cut.
    """
    if num_frames < promised - max(3, promised // 20):
        raise DecodeError(f"cut: {num_frames} frames can be decoded, {who} {promised}")


class _Seen:
    """The packets of one stream so far."""

    def __init__(self) -> None:
        self.found = 0  # packets with content
        self.shown = 0  # packets whose frame is shown
        self.first, self.last = 0, 0  # decoding times of the first and last packet, in the stream's units
        self.end = 0  # when the last frame that is shown ends, in the stream's units
        self.incomplete = False  # a packet is incomplete, as the last one of a cut file
        self.several_pictures = False  # it is one photograph in a format that can contain several images of it

    def add(self, packet: "av.Packet[av.VideoStream]") -> None:
        if not packet.size:  # the demuxer's last packet, or the empty packet of a frame that a camera dropped
            return
        if not self.found:
            self.first = self.last = packet.dts or 0
            self.several_pictures = b"MPF\0" in memoryview(packet)[:65536].tobytes()
        self.found += 1
        self.incomplete |= packet.is_corrupt
        self.last = self.last if packet.dts is None else packet.dts
        self.end = max(self.end, (packet.pts or 0) + (packet.duration or 0))
        self.shown += not (packet.is_discard or is_hidden(packet))

    @property
    def step(self) -> float:
        """The mean time between two packets; 1 if there are fewer than two."""
        return (self.last - self.first) / (self.found - 1) if self.found > 1 and self.last > self.first else 1.0


def is_hidden(packet: "av.Packet[av.VideoStream]") -> bool:
    """Tell whether a VP8 packet is only used to predict other frames, by a bit in its first byte."""
    return packet.stream.codec_context.codec.canonical_name == "vp8" and not memoryview(packet)[0] & 0x10


def _missing(container: "av.container.InputContainer", stream: "av.VideoStream", path: Path, seen: _Seen) -> int | None:
    """Return how many of the packets that a container declares are missing; None if it declares nothing."""
    kind = container.format.name
    if kind.startswith("mov"):
        return _missing_mp4(stream, path, seen)
    if kind.startswith("matroska"):
        return _missing_by_duration(container, stream, seen) if segment_is_cut(path) else None
    if kind == "flv":
        return _missing_by_duration(container, stream, seen) if flv_tag_is_cut(path) else None
    if kind == "mxf" and stream.duration:
        return max(stream.duration - seen.found, 0)
    if (kind == "gif" and gif_is_cut(path)) or (kind == "ogg" and ogg_page_is_cut(path)):
        raise DecodeError(f"cut: the {kind.upper()} file ends too early")
    if not stream.frames:
        return None
    if kind == "avi":
        return _missing_avi(stream, path, seen)
    return max(stream.frames - seen.found, 0)


def _missing_mp4(stream: "av.VideoStream", path: Path, seen: _Seen) -> int | None:
    """Compare with the list of samples to which the edit list was applied; the header counts all samples."""
    if not stream.frames:  # a fragmented file: the header declares nothing, but each fragment declares its size
        if (box := cut_box(path)) in ("moof", "mdat"):
            raise DecodeError(f"cut: the file ends within a fragment (box {box})")
        return None
    listed = len(stream.index_entries)
    missing = sum(entry.size > 0 for entry in stream.index_entries) - seen.found
    if listed < stream.frames:  # because of an edit list, or of damage
        with open_video(path, options={"ignore_editlist": "1"}) as (container, _):
            missing += max(stream.frames - len(container.streams[stream.index].index_entries), 0)
    return max(missing, 0)


def _missing_avi(stream: "av.VideoStream", path: Path, seen: _Seen) -> int:
    """Compare times: the header also counts the chunks of dropped frames, and H.264 may have several chunks a frame."""
    reached = seen.last + 1
    if reached < stream.frames:  # the last chunks may be empty; only the index has these
        reached = max(reached, indexed_chunks(path, stream.index))
    return max(int((stream.frames - reached) / seen.step), 0)


def _missing_by_duration(container: "av.container.InputContainer", stream: "av.VideoStream", seen: _Seen) -> int:
    """Estimate the missing packets of a cut file from the duration of its stream, or else of its container."""
    if tag := re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", "")):
        seconds = 3600 * int(tag[1]) + 60 * int(tag[2]) + float(tag[3])
    elif container.duration:
        seconds = container.duration / av.time_base
    else:
        raise DecodeError("cut: the file ends within a piece of its container")
    unit = float(stream.time_base or 1)
    return max(int((seconds / unit - seen.end) / seen.step), 0)


def _refuse_picture(container: "av.container.InputContainer", stream: "av.VideoStream") -> None:
    kind, brand = container.format.name, container.metadata.get("major_brand", "")
    if kind.endswith("_pipe") or kind in PICTURE_FORMATS or brand in PICTURE_BRANDS:
        raise DecodeError(f"not a video, but a single picture ({brand if brand in PICTURE_BRANDS else kind})")
    if container.streams.audio and stream.codec_context.codec.canonical_name in PICTURE_CODECS:
        raise DecodeError("not a video, but sound with a single picture, which is not marked as a cover")
