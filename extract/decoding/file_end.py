"""Whether a file ends before the parts that its container names: read from the file itself, FFmpeg does not tell.

Used where a container declares no number of frames (Matroska, fragmented MP4) or counts empty chunks (AVI).
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def cut_box(path: Path) -> str:
    """Return the type of the top-level box of an MP4 that the file ends in; "" where it ends with its last box."""
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
            if size == 0:  # up to the end of the file
                return ""
            position += max(size, 8)
            if position > end:
                return str(kind, "latin1")
    return ""


def segment_is_cut(path: Path) -> bool:
    """Tell whether a Matroska file is shorter than its segment declares; live recordings declare nothing."""
    with path.open("rb") as file:
        end = _length(file)
        if file.read(4) != EBML or (header := _vint(file)) is None:
            return False
        file.seek(header, os.SEEK_CUR)
        if file.read(4) != SEGMENT or (segment := _vint(file)) is None:
            return False
        return file.tell() + segment > end


def indexed_chunks(path: Path, stream: int) -> int:
    """Return how many chunks of a stream the index of an AVI lists, empty ones too; 0 where it has no index."""
    with path.open("rb") as file:
        end = _length(file)
        position = 12  # after RIFF, its size and its kind
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
    """Read a size in Matroska's own coding; None where it is unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()  # bytes that follow
    bits = 7 * (more + 1)
    value = int.from_bytes(first + file.read(more), "big") & (1 << bits) - 1
    return None if value == (1 << bits) - 1 else value
