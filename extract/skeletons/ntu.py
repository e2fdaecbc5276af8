"""The `.skeleton` text of NTU RGB+D to joints: 25 Kinect v2 joints of everybody in front of the camera.

A file is the number of frames, then per frame the number of bodies, then per body 27 lines: ten fields with the
body's id first, the number of joints (25), and per joint twelve fields: x y z, four of depth and colour picture, four
of orientation, and the tracking state. Only x y z and the tracking state are read; that the others are there is
checked. Source of the format: shahroudy/NTURGB-D.

It is fast because NumPy finds all lines and fields at once, and Python walks over bodies, not over numbers.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from extract.clip import DecodeError
from extract.skeletons.file_bytes import MAX_FRAMES, read_bytes
from extract.skeletons.skeleton import Skeleton

CENTRE = 1  # the middle of the spine
JOINTS = 25
BODY_FIELDS = 10
JOINT_FIELDS = 12
BODY_LINES = 2 + JOINTS  # the body's fields, the number of joints, the joints
MAX_BODIES = 64  # Kinect v2 follows six at once; a recording seldom has more than two
MAX_PLACES = 500_000  # frames times bodies: with 300 bytes of joints each, 150 MB

PIECE = 64 << 10  # bytes scanned at a time: what this takes of memory is used again, not asked for again
MIN_LINE = 20  # bytes that a body's lines have on average at least

_LAYOUT = bytes([BODY_FIELDS, 1] + [JOINT_FIELDS] * JOINTS)  # how many fields the lines of a body have
_SPACE, _NEWLINE, _RETURN, _ZERO = b" \n\r0"


class _Body(NamedTuple):
    frame: int
    line: int  # its first, from 0 on
    name: str


@dataclass(frozen=True)
class _Text:
    """A text whose lines have fields parted by single spaces, and where lines and fields stand."""

    content: bytes
    starts: NDArray[np.intp]  # (lines,)
    ends: NDArray[np.intp]  # (lines,) where the last field ends
    num_fields: NDArray[np.intp]  # (lines,)
    first_ends: NDArray[np.intp]  # (lines, 3) where the first three fields end, if there are so many


def read_ntu(path: Path) -> Skeleton:
    """Read an NTU RGB+D skeleton file.

    A body whose coordinates are all exactly zero in a frame is not seen in it. Frames without bodies stay.

    Returns:
        As many frames as the first line says, 25 joints; persons in the order in which they are first seen.

    Raises:
        DecodeError: no such file, not of this format, damaged or cut, with the line; or nobody is ever seen.
    """
    content = read_bytes(path)
    if not content.endswith(b"\n"):
        content += b"\n"
    text = _scan(content) or _scan_uneven(content)
    num_frames, bodies = _walk(text)
    # (bodies, joints)
    lines = np.array([body.line for body in bodies], np.intp)[:, None] + np.arange(2, BODY_LINES)
    return _assemble(num_frames, bodies, _read_joints(text, lines), _read_tracking(text, lines))


def _scan(content: bytes) -> _Text | None:
    """Find lines and fields, or nothing unless all are parted by single spaces and by newlines of the same kind."""
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
        if num_lines > MAX_FRAMES + 2 + stop // MIN_LINE:  # not more memory for them
            raise _error(num_lines - 1, "is one of too many, too short ones")
    newline_at, num_separators, first_ends = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    starts = np.concatenate([[0], newline_at[:-1] + 1])
    return _Text(content, starts, newline_at - returns, num_separators + 1 - returns, first_ends)


def _pieces(content: bytes) -> list[tuple[int, int]]:
    """Cut into whole lines of up to PIECE bytes in all."""
    pieces = []
    start = 0
    while start < len(content):
        stop = content.rfind(b"\n", start, start + PIECE) + 1
        if not stop:
            raise _error(content.count(b"\n", 0, start), f"is longer than {PIECE} bytes")
        pieces.append((start, stop))
        start = stop
    return pieces


def _scan_uneven(content: bytes) -> _Text:
    """Find lines and fields where there are repeated or trailing spaces, tabs, or two kinds of line ends."""
    content = b"\n" + content.translate(bytes.maketrans(b"\t\r", b"  ")).rstrip(b" \n") + b"\n"
    while b"  " in content:
        content = content.replace(b"  ", b" ")
    content = content.replace(b" \n", b"\n").replace(b"\n ", b"\n")[1:]
    text = _scan(content)
    if text is None:
        odd = re.search(rb"^\n|[^\n -\xff]", content, re.MULTILINE)
        line = content.count(b"\n", 0, odd.start()) if odd else 0
        raise _error(line, "is blank, or has a control character in it")
    return text


def _walk(text: _Text) -> tuple[int, list[_Body]]:
    """Go through frames and bodies, and check each line's number of fields on the way, so the first fault is named."""
    starts, ends = text.starts.data, text.ends.data  # quicker than arrays, one by one
    num_fields = np.minimum(text.num_fields, 255).astype(np.uint8).tobytes()
    num_lines = len(num_fields)
    num_frames = _count(text.content[: ends[0]], 0, "number of frames")
    if not 0 < num_frames <= min(MAX_FRAMES, num_lines - 1):
        raise _error(0, f"promises {num_frames} frames; {num_lines - 1} lines follow")
    line, bodies = 1, []
    for frame in range(num_frames):
        if line == num_lines:
            raise _error(line - 1, f"is the last: cut after {frame} frames of {num_frames}")
        num_bodies = _count(text.content[starts[line] : ends[line]], line, "number of bodies")
        line += 1
        for _ in range(num_bodies):
            layout = num_fields[line : line + BODY_LINES]
            if layout != _LAYOUT or text.content[starts[line + 1] : ends[line + 1]] != b"25":
                raise _misfit(text, line, layout, f"frame {frame + 1} of {num_frames}")
            name = text.content[starts[line] : ends[line]].partition(b" ")[0]
            if not (name.isdigit() and len(name) <= 20):  # 64 bits
                raise _error(line, f"gives no body's id: {_show(name)}")
            bodies.append(_Body(frame, line, name.decode()))
            line += BODY_LINES
        if num_bodies > 1 and len({body.name for body in bodies[-num_bodies:]}) < num_bodies:
            raise _error(line - 1, f"ends frame {frame + 1}, which has the same body twice")
    if line < num_lines:
        raise _error(line, f"should not be there: {num_frames} frames end before it")
    return num_frames, bodies


def _count(token: bytes, line: int, what: str) -> int:
    if not (token.isdigit() and len(token) <= 9):
        raise _error(line, f"gives no {what}: {_show(token)}")
    return int(token)


def _misfit(text: _Text, line: int, layout: bytes, where: str) -> DecodeError:
    """Return what is wrong with a body that has not the lines, fields and joints that it should."""
    if layout[:2] == _LAYOUT[:2]:
        joints = text.content[text.starts[line + 1] : text.ends[line + 1]]
        if joints != b"25":
            return _error(line + 1, f"gives {_show(joints)} as the number of joints, not {JOINTS}")
    for offset, expected in enumerate(_LAYOUT[: len(layout)]):
        if layout[offset] != expected:
            found = text.num_fields[line + offset]
            return _error(line + offset, f"has {found} fields, not {expected}, in a body of {where}")
    return _error(line + len(layout) - 1, f"is the last: cut in a body of {where}")


def _read_joints(text: _Text, lines: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return (bodies, joints, 3)."""
    ends = text.first_ends[lines]  # (bodies, joints, 3)
    starts = np.empty_like(ends)
    starts[..., 0] = text.starts[lines]
    starts[..., 1:] = ends[..., :-1] + 1
    tokens = [
        text.content[start:end] for start, end in zip(starts.ravel().tolist(), ends.ravel().tolist(), strict=True)
    ]
    try:
        values = np.array([float(token) for token in tokens])
    except ValueError as error:
        index, token = next((index, token) for index, token in enumerate(tokens) if not _is_number(token))
        reason = f"has no coordinate in metres: {_show(token)} is not a number"
        raise _error(int(lines.flat[index // 3]), reason) from error
    with np.errstate(over="ignore"):  # becomes infinite, which is looked for next
        joints = values.astype(np.float32).reshape(ends.shape)
    _refuse(~np.isfinite(joints), lines, "has a coordinate that is not finite")
    return joints


def _is_number(token: bytes) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return True


def _read_tracking(text: _Text, lines: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return (bodies, joints)."""
    characters, ends = np.frombuffer(text.content, np.uint8), text.ends[lines]
    states = characters[ends - 1] - np.uint8(_ZERO)  # wraps: what is before '0' gets large
    wrong = (states > 2) | (characters[ends - 2] != _SPACE)
    _refuse(wrong, lines, "has no tracking state 0, 1 or 2 at its end")
    return states


def _refuse(wrong: NDArray[np.bool_], lines: NDArray[np.intp], reason: str) -> None:
    """Raise for the first joint that is wrong: (bodies, joints, …)."""
    if wrong.any():
        body, joint = np.argwhere(wrong)[0, :2]
        raise _error(int(lines[body, joint]), reason)


def _assemble(
    num_frames: int, bodies: list[_Body], joints: NDArray[np.float32], tracking: NDArray[np.uint8]
) -> Skeleton:
    seen = np.flatnonzero(joints.any(axis=(1, 2)))
    frames, columns = [], []
    persons: dict[str, int] = {}
    for index in seen.tolist():
        body = bodies[index]
        frames.append(body.frame)
        columns.append(persons.setdefault(body.name, len(persons)))
        if len(persons) > MAX_BODIES or num_frames * len(persons) > MAX_PLACES:
            raise _error(body.line, f"has body {len(persons)} of {num_frames} frames: too many")
    if not persons:
        raise DecodeError("nobody is seen in any frame: no bodies, or all their coordinates are zero")
    all_joints = np.full((num_frames, len(persons), JOINTS, 3), np.nan, np.float32)
    all_tracking = np.zeros((num_frames, len(persons), JOINTS), np.uint8)
    all_joints[frames, columns] = joints[seen]
    all_tracking[frames, columns] = tracking[seen]
    return Skeleton(all_joints, all_tracking, tuple(persons), CENTRE)


def _error(line: int, reason: str) -> DecodeError:
    return DecodeError(f"line {line + 1} {reason}")


def _show(token: bytes) -> str:
    return repr(token[:40].decode("ascii", "backslashreplace"))
