"""Video files of every kind for tests: containers, streams copied between them, H.264 whose fields are packets."""

import struct
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import pytest

from extract.decoding.synthetic_clip import _draw

SIZE = (96, 64)


def write_numbers(
    path: Path,
    numbers: Iterable[int],
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    """Write frames that carry these numbers; `options` are the container's."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pix_fmt
        stream.codec_context.gop_size = 12
        for number in numbers:
            frame = av.VideoFrame.from_ndarray(_draw(number, *SIZE), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def copy_packets(
    source: Path,
    target: Path,
    change: Callable[[int, av.Packet], av.Packet] = lambda _, packet: packet,
    time_base: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Copy a video into another container without encoding; `change` may replace each packet."""
    with av.open(str(source)) as read, av.open(str(target), "w", options=options or {}) as write:
        stream = read.streams.video[0]
        copy = write.add_stream_from_template(stream)
        copy.time_base = time_base or stream.time_base
        for number, packet in enumerate(read.demux(stream)):
            if packet.size:
                changed = change(number, packet)
                changed.stream = copy
                write.mux(changed)
    return target


def with_content(packet: av.Packet, content: bytes) -> av.Packet:
    """Return a packet of the same times with other content."""
    other = av.Packet(content)
    other.pts, other.dts, other.time_base, other.duration = packet.pts, packet.dts, packet.time_base, packet.duration
    other.is_keyframe = packet.is_keyframe
    return other


def with_empty_chunks(path: Path, empty: Callable[[int], bool]) -> Path:
    """Make an AVI whose chunks are written again, those for which `empty` holds without content, as cameras do."""
    content = path.read_bytes()
    start = content.index(b"movi") + 4
    size = struct.unpack_from("<I", content, start - 8)[0]
    chunks, position = [], start
    while position < start + size - 4:
        length = struct.unpack_from("<I", content, position + 4)[0]
        chunks.append(content[position + 8 : position + 8 + length])
        position += 8 + length + length % 2
    body, index = b"", b""
    for number, chunk in enumerate(chunks):
        chunk = b"" if empty(number) else chunk
        index += struct.pack("<4sIII", b"00dc", 16 * (number == 0), 4 + len(body), len(chunk))
        body += struct.pack("<4sI", b"00dc", len(chunk)) + chunk + b"\0" * (len(chunk) % 2)
    movi = struct.pack("<I4s", 4 + len(body), b"movi") + body + struct.pack("<4sI", b"idx1", len(index)) + index
    whole = bytearray(content[: start - 8] + movi)
    struct.pack_into("<I", whole, 4, len(whole) - 8)
    path.write_bytes(whole)
    return path


def set_edits(path: Path, edits: list[tuple[int, int]]) -> Path:
    """Replace the edits of an MP4's track: (duration in ms, beginning in ticks of the track; -1: nothing is shown).

    The moov must stand behind the mdat, as it does where nothing else was asked for.
    """
    content = bytearray(path.read_bytes())
    at = content.index(b"elst") - 4
    old = struct.unpack_from(">I", content, at)[0]
    new = struct.pack(">II", 0, len(edits)) + b"".join(struct.pack(">IiI", *edit, 1 << 16) for edit in edits)
    new = struct.pack(">I4s", 8 + len(new), b"elst") + new
    for parent in (b"moov", b"trak", b"edts"):
        place = content.index(parent) - 4
        struct.pack_into(">I", content, place, struct.unpack_from(">I", content, place)[0] + len(new) - old)
    content[at : at + old] = new
    path.write_bytes(content)
    return path


class _Bits:
    """Bits of an H.264 unit, in the order of the standard's syntax tables."""

    def __init__(self) -> None:
        self.bits = ""

    def fixed(self, *fields: tuple[int, int]) -> "_Bits":
        self.bits += "".join(format(value, f"0{length}b") for length, value in fields)
        return self

    def golomb(self, *values: int) -> "_Bits":
        for value in values:
            code = format(value + 1, "b")
            self.bits += "0" * (len(code) - 1) + code
        return self

    def samples(self, values: list[int]) -> "_Bits":
        self.bits += "0" * (-len(self.bits) % 8)
        return self.fixed(*((8, value) for value in values))

    def unit(self, header: int) -> bytes:
        bits = self.bits + "1"
        bits += "0" * (-len(bits) % 8)
        escaped, zeros = bytearray(), 0
        for byte in int(bits, 2).to_bytes(len(bits) // 8, "big"):
            if zeros >= 2 and byte <= 3:
                escaped.append(3)
                zeros = 0
            escaped.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return b"\0\0\0\1" + bytes([header]) + bytes(escaped)


def write_fields(path: Path, frames: int) -> Path:
    """Write H.264 of 64x64 grey pictures, each made of two fields that are packets of their own."""
    flags = ((1, 0), (1, 0), (1, 1), (1, 0), (1, 0))  # fields; no mixing within a picture
    parameters = _Bits().fixed((8, 77), (8, 0), (8, 30)).golomb(0, 0, 2, 1).fixed((1, 0)).golomb(3, 1)
    content = parameters.fixed(*flags).unit(0x67)
    picture = _Bits().golomb(0, 0).fixed((2, 0)).golomb(0, 0, 0).fixed((3, 0)).golomb(0, 0, 0).fixed((3, 0))
    content += picture.unit(0x68)
    for number in range(frames):
        for bottom in (0, 1):
            first = number == bottom == 0
            field = _Bits().golomb(0, 7, 0).fixed((4, number % 16), (1, 1), (1, bottom))
            field = field.golomb(0).fixed((2, 0)) if first else field.fixed((1, 0))
            field.golomb(0)
            for _ in range(8):  # macroblocks, uncoded
                field.golomb(25).samples([20 + 3 * number] * 256 + [128] * 128)
            content += field.unit(0x65 if first else 0x41)
    raw = path.with_suffix(".h264")
    raw.write_bytes(content)

    def timed(number: int, packet: av.Packet) -> av.Packet:
        packet.time_base, packet.pts, packet.dts, packet.duration = Fraction(1, 50), number, number, 1
        return packet

    return copy_packets(raw, path, timed)


@pytest.fixture(scope="session")
def draw() -> SimpleNamespace:
    """The functions of this file, for tests in others."""
    return SimpleNamespace(
        numbers=write_numbers,
        copy=copy_packets,
        with_content=with_content,
        empty_chunks=with_empty_chunks,
        edits=set_edits,
        fields=write_fields,
    )
