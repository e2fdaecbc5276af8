"""The arrays of numbers in a MATLAB file of version 5 to 7, without trusting it: every size is checked before use.

Not scipy.io: that takes a type number from the file as an index into a table of pointers, so one flipped byte kills
the process. Source of the format: MathWorks, "MAT-File Format".

A file is a header and elements; an element is a type, a number of bytes, and the bytes. A variable is an element made
of elements: flags, shape, name, real part. Most often it is compressed as a whole.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extract.clip import DecodeError

HEADER = 128  # bytes: text, a version, and "MI" as a 16-bit number, which tells the byte order
DESCRIPTION = 1024  # bytes of a variable that are unpacked to learn its name and shape

_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15  # types of elements
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_DOUBLE, _SINGLE, _FUNCTION = 6, 7, 16  # classes of arrays; from functions on, they have no shape
_COMPLEX = 0x0800  # flag


@dataclass(frozen=True)
class Variable:
    """A variable, not read yet.

    Attributes:
        name: its name in MATLAB.
        shape: what the file claims, so anything.
        content: its element, type and size included; still compressed, or not.
        compressed: which of the two.
        flags: its class and what else the file notes.
        numbers_at: where in the element, unpacked, the real part begins.
        order: "<" or ">", the byte order.
    """

    name: str
    shape: tuple[int, ...]
    content: bytes
    compressed: bool
    flags: int
    numbers_at: int
    order: str


def variables(content: bytes) -> Iterator[Variable]:
    """Go through a file's variables, except functions and objects.

    Raises:
        DecodeError: not of this format or version, damaged, or cut.
    """
    order = _byte_order(content)
    at = HEADER
    while at < len(content):
        where = f"the variable at byte {at}"
        kind, data, end = _element(content, at, order, where)
        if kind not in (_MATRIX, _COMPRESSED):
            raise DecodeError(f"{where} is none: its type is {kind}")
        # What is compressed is not padded to multiples of eight bytes.
        end = at + 8 + len(data) if kind == _COMPRESSED else end
        variable = _describe(data if kind == _COMPRESSED else content[at:end], kind == _COMPRESSED, order, where)
        if variable is not None:
            yield variable
        at = end


def read_numbers(variable: Variable) -> NDArray[np.float64]:
    """Read a variable.

    Returns:
        Of the variable's shape, which decides how much memory this takes: look at it first.

    Raises:
        DecodeError: not an array of real numbers, damaged, or not as large as its shape says.
    """
    where, order, count = f"the variable {variable.name}", variable.order, math.prod(variable.shape)
    if variable.flags & 0xFF not in (_DOUBLE, _SINGLE) or variable.flags & _COMPLEX:
        raise DecodeError(f"{where} is not an array of real numbers")
    content = variable.content
    if variable.compressed:
        content = _unpack(content, variable.numbers_at + 8 + 8 * count + 1, where)
    kind, data, end = _element(content, variable.numbers_at, order, where)
    if end < len(content):
        raise DecodeError(f"{where} has more in it than its shape {variable.shape} needs")
    if kind not in _NUMBERS:
        raise DecodeError(f"{where} has numbers of unknown type {kind}")
    stored = np.dtype(order + _NUMBERS[kind])
    if len(data) != count * stored.itemsize:
        raise DecodeError(f"{where} has {len(data)} bytes of numbers, not those of the shape {variable.shape}")
    return np.frombuffer(data, stored).astype(np.float64).reshape(variable.shape, order="F")


def _byte_order(content: bytes) -> str:
    order = {b"IM": "<", b"MI": ">"}.get(content[126:HEADER], "")
    version = struct.unpack_from(f"{order}H", content, 124)[0] if order else 0
    if content.startswith((b"MATLAB 7.3", b"\x89HDF")) or version == 0x0200:
        raise DecodeError("a MATLAB 7.3 file (HDF5): save it in MATLAB with '-v7'")
    if not order and 0 in content[:4]:
        raise DecodeError("not a MATLAB file, or of version 4, which has no arrays of three axes: save it with '-v7'")
    if not order:
        raise DecodeError("not a MATLAB file")
    if version != 0x0100:
        raise DecodeError(f"a MATLAB file of unknown version {version >> 8}.{version & 0xFF}: save it with '-v7'")
    return order


def _element(content: bytes, at: int, order: str, where: str) -> tuple[int, bytes, int]:
    """Return the type and the bytes of the element that begins at a byte, and where the next one begins."""
    if at + 8 > len(content):
        raise DecodeError(f"{where} is cut: an element's head is missing")
    kind, size = struct.unpack_from(f"{order}II", content, at)
    if kind >> 16:  # a small element: type and size in four bytes, up to four of content in the other four
        kind, size = kind & 0xFFFF, kind >> 16
        if size > 4:
            raise DecodeError(f"{where} is damaged: {size} bytes in a small element")
        return kind, content[at + 4 : at + 4 + size], at + 8
    data = content[at + 8 : at + 8 + size]
    if len(data) < size:
        raise DecodeError(f"{where} is cut: {len(data)} bytes of {size}")
    return kind, data, at + 8 + size + -size % 8


def _describe(content: bytes, compressed: bool, order: str, where: str) -> Variable | None:
    start = _unpack(content, DESCRIPTION, where) if compressed else content[:DESCRIPTION]
    if len(start) < 8 or struct.unpack_from(f"{order}I", start)[0] != _MATRIX:
        raise DecodeError(f"{where} is no array")
    kind, flags, at = _element(start, 8, order, where)
    if kind != _UINT32 or len(flags) != 8:
        raise DecodeError(f"{where} is damaged: no flags")
    (flag,) = struct.unpack_from(f"{order}I", flags)
    if flag & 0xFF >= _FUNCTION:
        return None
    kind, sizes, at = _element(start, at, order, where)
    if kind != _INT32 or len(sizes) % 4 or len(sizes) < 8:
        raise DecodeError(f"{where} is damaged: no shape")
    shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes)
    kind, name, at = _element(start, at, order, where)
    if kind != _INT8 or min(shape) < 0:
        raise DecodeError(f"{where} is damaged: no name, or a shape of {shape}")
    return Variable(name.decode("latin1"), shape, content, compressed, flag, at, order)


def _unpack(content: bytes, most: int, where: str) -> bytes:
    """Decompress, but no more bytes than asked for."""
    try:
        return zlib.decompressobj().decompress(content, most)
    except zlib.error as error:
        raise DecodeError(f"{where} is damaged: {error}") from error
