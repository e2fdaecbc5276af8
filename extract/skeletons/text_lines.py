"""Where the lines and fields of a large text stand, found by NumPy for all of them at once."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extract.clip import DecodeError
from extract.skeletons.file_bytes import MAX_FRAMES

PIECE = 64 << 10  # bytes that are scanned at a time, so that the memory for it is small and is used again
MIN_LINE = 20  # bytes that the lines of a file have at least, on average

_SPACE, _NEWLINE, _RETURN = b" \n\r"


@dataclass(frozen=True)
class TextLines:
    """A text whose lines consist of fields separated by single spaces.

    Attributes:
        content: the text.
        starts: (lines,) where each line begins.
        ends: (lines,) where the last field of each line ends.
        num_fields: (lines,) the number of fields.
        first_ends: (lines, 3) where the first three fields end; of no meaning where a line has fewer.
    """

    content: bytes
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    num_fields: NDArray[np.intp]
    first_ends: NDArray[np.intp]


def line_error(line: int, reason: str) -> DecodeError:
    """Return the error about a line of a file; lines are counted from 0 here, and from 1 in the sentence."""
    return DecodeError(f"line {line + 1} {reason}")


def find_lines(content: bytes) -> TextLines:
    """Find the lines and fields of a text.

    Fields may be separated by several spaces or tabs, and lines may end in both ways; the result has the text with
    single spaces.

    Raises:
        DecodeError: a line is blank, too long or has a control character, or there are too many lines.
    """
    if not content.endswith(b"\n"):
        content += b"\n"
    return _scan(content) or _scan_uneven(content)


def _scan(content: bytes) -> TextLines | None:
    """Find lines and fields; None unless single spaces separate all fields and all lines end in the same way."""
    characters = np.frombuffer(content, np.uint8)
    returns = int(content.find(b"\r") >= 0)  # 1: lines end in \r\n
    pieces = []
    num_lines = 0
    for start, stop in _pieces(content):
        separators = np.flatnonzero(characters[start:stop] <= _SPACE) + start
        kinds = characters[separators]
        last = np.flatnonzero(kinds == _NEWLINE)
        gaps = separators[1:] - separators[:-1]
        if (
            separators[0] == start
            or np.count_nonzero(kinds == _SPACE) + (1 + returns) * last.size != kinds.size
            or np.count_nonzero(gaps == 1) != returns * last.size
            or (returns and ((kinds[last - 1] != _RETURN).any() or (gaps[last - 1] != 1).any()))
        ):
            return None
        first = np.concatenate([[0], last[:-1] + 1])
        pieces.append((separators[last], last - first, separators.take(first[:, None] + np.arange(3), mode="clip")))
        num_lines += last.size
        if num_lines > MAX_FRAMES + 2 + stop // MIN_LINE:  # before more memory is taken for them
            raise line_error(num_lines - 1, "is one of too many, too short ones")
    newline_at, num_separators, first_ends = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    starts = np.concatenate([[0], newline_at[:-1] + 1])
    return TextLines(content, starts, newline_at - returns, num_separators + 1 - returns, first_ends)


def _pieces(content: bytes) -> list[tuple[int, int]]:
    """Cut a text into pieces of whole lines, of up to PIECE bytes each."""
    pieces = []
    start = 0
    while start < len(content):
        stop = content.rfind(b"\n", start, start + PIECE) + 1
        if not stop:
            raise line_error(content.count(b"\n", 0, start), f"is longer than {PIECE} bytes")
        pieces.append((start, stop))
        start = stop
    return pieces


def _scan_uneven(content: bytes) -> TextLines:
    """Find lines and fields where there are repeated or trailing spaces, tabs, or two kinds of line ends."""
    content = b"\n" + content.translate(bytes.maketrans(b"\t\r", b"  ")).rstrip(b" \n") + b"\n"
    while b"  " in content:
        content = content.replace(b"  ", b" ")
    content = content.replace(b" \n", b"\n").replace(b"\n ", b"\n")[1:]
    lines = _scan(content)
    if lines is None:
        odd = re.search(rb"^\n|[^\n -\xff]", content, re.MULTILINE)
        line = content.count(b"\n", 0, odd.start()) if odd else 0
        raise line_error(line, "is blank, or has a control character in it")
    return lines
