"""Whether a video file is truncated: it ends before the end of a part whose size it declares.

FFmpeg does not report this, so it is read from the file itself. It is used for containers that declare no number of
frames (Matroska, fragmented MP4, FLV, GIF, Ogg), and for AVI, whose number includes empty chunks.
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

GIF_TRAILER = b"\x3b"
OGG_PAGE, OGG_HEADER, OGG_LARGEST = b"OggS", 27, 65307  # mark of a page; bytes of its header, of the largest page
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def cut_box(path: Path) -> str:
    """Return the type of the top-level MP4 box that the end of the file cuts; "" if it cuts none."""
    with path.open("rb") as file:
        end, position = _length(file), 0
        while position < end:
            file.seek(position)
            header = file.read(16)
            if len(header) < 8:
                return "?"
            size, kind = struct.unpack(">I4s", header[:8])
            if size == 1 and len(header) == 16:
                (size,) = struct.unpack(">Q", header[8:])
            if size == 0:  # the box reaches up to the end of the file
                return ""
            position += max(size, 8)
            if position > end:
                return str(kind, "latin1")
    return ""


def segment_is_cut(path: Path) -> bool:
    """Tell whether a Matroska file is shorter than its segment declares. Live recordings declare nothing."""
    with path.open("rb") as file:
        end = _length(file)
        if file.read(4) != EBML or (header := _vint(file)) is None:
            return False
        file.seek(header, os.SEEK_CUR)
        if file.read(4) != SEGMENT or (segment := _vint(file)) is None:
            return False
        return file.tell() + segment > end


def flv_tag_is_cut(path: Path) -> bool:
    """Tell whether an FLV file does not end with the size of its last tag."""
    with path.open("rb") as file:
        end = _length(file)
        file.seek(max(end - 4, 0))
        size = int.from_bytes(file.read(4), "big")
        if not 11 <= size <= end - 4:
            return True
        file.seek(end - 4 - size)
        header = file.read(4)
    return header[:1] not in b"\x08\x09\x12" or int.from_bytes(header[1:], "big") != size - 11


def gif_is_cut(path: Path) -> bool:
    """Tell whether a GIF lacks its last byte, the trailer; zeros after it are ignored."""
    with path.open("rb") as file:
        file.seek(max(_length(file) - 512, 0))
        return not file.read().rstrip(b"\0").endswith(GIF_TRAILER)


def ogg_page_is_cut(path: Path) -> bool:
    """Tell whether an Ogg file ends within a page."""
    with path.open("rb") as file:
        file.seek(max(_length(file) - OGG_LARGEST, 0))
        content = file.read()
    page = content[content.rfind(OGG_PAGE) :]
    if len(page) < OGG_HEADER or len(page) < OGG_HEADER + page[26]:
        return True
    return len(page) < OGG_HEADER + page[26] + sum(page[OGG_HEADER : OGG_HEADER + page[26]])


def indexed_chunks(path: Path, stream: int) -> int:
    """Return how many chunks of a stream the index of an AVI lists, with the empty ones; 0 if it has no index."""
    with path.open("rb") as file:
        end = _length(file)
        position = 12  # after RIFF, its size and its type
        while position + 8 <= end:
            file.seek(position)
            name, size = struct.unpack("<4sI", file.read(8))
            if name == b"idx1":
                content = file.read(size)
                entries = np.frombuffer(content[: len(content) // 16 * 16], dtype="S4,<u4,<u4,<u4")["f0"]
                return int(np.isin(entries, [b"%02ddc" % stream, b"%02ddb" % stream]).sum())
            position += 8 + size + size % 2
    return 0


def _length(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _vint(file: BinaryIO) -> int | None:
    """Read a size in Matroska's coding; None if it is unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()  # the number of bytes that follow
    bits = 7 * (more + 1)
    value = int.from_bytes(first + file.read(more), "big") & (1 << bits) - 1
    return None if value == (1 << bits) - 1 else value
