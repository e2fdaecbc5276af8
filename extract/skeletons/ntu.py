"""The `.skeleton` text files of NTU RGB+D: 25 Kinect v2 joints of everybody in front of the camera.

A file gives the number of frames. Each frame gives the number of its bodies, and each body has 27 lines: ten fields
with the body's id first, the number of joints (25), and a line of twelve fields for every joint: x y z, four
coordinates in the depth and colour images, four of the orientation, and the tracking state. This reader uses x y z and
the tracking state, and checks that the other fields are there. Source of the format: shahroudy/NTURGB-D.

NumPy finds all lines and fields at once. Python's loop is over bodies, and only the coordinates become numbers.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from extract.clip import DecodeError
from extract.skeletons.file_bytes import MAX_FRAMES, read_bytes
from extract.skeletons.skeleton import Skeleton
from extract.skeletons.text_lines import TextLines, find_lines, line_error

CENTRE = 1  # the middle of the spine
JOINTS = 25
BODY_FIELDS = 10
JOINT_FIELDS = 12
BODY_LINES = 2 + JOINTS  # the body's fields, the number of joints, the joints
MAX_BODIES = 64  # Kinect v2 tracks six at once; a recording seldom has more than two
MAX_PLACES = 500_000  # frames times bodies; the joints of each take 300 bytes, so this limits them to 150 MB

_LAYOUT = bytes([BODY_FIELDS, 1] + [JOINT_FIELDS] * JOINTS)  # the number of fields in each line of a body
_SPACE, _ZERO = b" 0"


class _Body(NamedTuple):
    frame: int
    line: int  # its first line, counted from 0
    name: str


def read_ntu(path: Path) -> Skeleton:
    """Read an NTU RGB+D skeleton file.

    A body whose coordinates are all exactly zero in a frame is not seen in that frame. Frames without bodies are kept.

    Returns:
        As many frames as the first line says, with 25 joints; persons in the order in which they are first seen.

    Raises:
        DecodeError: the file does not exist, has another format, is damaged or cut (with the line), or shows nobody.
    """
    text = find_lines(read_bytes(path))
    num_frames, bodies = _find_bodies(text)
    # (bodies, joints)
    lines = np.array([body.line for body in bodies], np.intp)[:, None] + np.arange(2, BODY_LINES)
    return _assemble(num_frames, bodies, _read_joints(text, lines), _read_tracking(text, lines))


def _find_bodies(text: TextLines) -> tuple[int, list[_Body]]:
    """Return the number of frames, and all bodies. The number of fields of each line is checked in order."""
    starts, ends = text.starts.data, text.ends.data  # single values are read faster from these than from arrays
    num_fields = np.minimum(text.num_fields, 255).astype(np.uint8).tobytes()
    num_lines = len(num_fields)
    num_frames = _count(text.content[: ends[0]], 0, "number of frames")
    if not 0 < num_frames <= min(MAX_FRAMES, num_lines - 1):
        raise line_error(0, f"promises {num_frames} frames; {num_lines - 1} lines follow")
    line, bodies = 1, []
    for frame in range(num_frames):
        if line == num_lines:
            raise line_error(line - 1, f"is the last: cut after {frame} frames of {num_frames}")
        num_bodies = _count(text.content[starts[line] : ends[line]], line, "number of bodies")
        line += 1
        for _ in range(num_bodies):
            layout = num_fields[line : line + BODY_LINES]
            if layout != _LAYOUT or text.content[starts[line + 1] : ends[line + 1]] != b"25":
                raise _misfit(text, line, layout, f"frame {frame + 1} of {num_frames}")
            name = text.content[starts[line] : ends[line]].partition(b" ")[0]
            if not (name.isdigit() and len(name) <= 20):  # 64 bits
                raise line_error(line, f"gives no body's id: {_show(name)}")
            bodies.append(_Body(frame, line, name.decode()))
            line += BODY_LINES
        if num_bodies > 1 and len({body.name for body in bodies[-num_bodies:]}) < num_bodies:
            raise line_error(line - 1, f"ends frame {frame + 1}, which has the same body twice")
    if line < num_lines:
        raise line_error(line, f"should not be there: {num_frames} frames end before it")
    return num_frames, bodies


def _count(token: bytes, line: int, what: str) -> int:
    if not (token.isdigit() and len(token) <= 9):
        raise line_error(line, f"gives no {what}: {_show(token)}")
    return int(token)


def _misfit(text: TextLines, line: int, layout: bytes, where: str) -> DecodeError:
    """Return the error about a body with a wrong number of lines, fields or joints."""
    if layout[:2] == _LAYOUT[:2]:
        joints = text.content[text.starts[line + 1] : text.ends[line + 1]]
        if joints != b"25":
            return line_error(line + 1, f"gives {_show(joints)} as the number of joints, not {JOINTS}")
    for offset, expected in enumerate(_LAYOUT[: len(layout)]):
        if layout[offset] != expected:
            found = text.num_fields[line + offset]
            return line_error(line + offset, f"has {found} fields, not {expected}, in a body of {where}")
    return line_error(line + len(layout) - 1, f"is the last: cut in a body of {where}")


def _read_joints(text: TextLines, lines: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the coordinates (bodies, joints, 3) of the joints whose lines are given, (bodies, joints)."""
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
        raise line_error(int(lines.flat[index // 3]), reason) from error
    with np.errstate(over="ignore"):  # a value that is too large becomes infinite, which is refused next
        joints = values.astype(np.float32).reshape(ends.shape)
    _refuse(~np.isfinite(joints), lines, "has a coordinate that is not finite")
    return joints


def _is_number(token: bytes) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return True


def _read_tracking(text: TextLines, lines: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return the tracking states (bodies, joints)."""
    characters, ends = np.frombuffer(text.content, np.uint8), text.ends[lines]
    states = characters[ends - 1] - np.uint8(_ZERO)  # a character before '0' becomes a large number
    wrong = (states > 2) | (characters[ends - 2] != _SPACE)
    _refuse(wrong, lines, "has no tracking state 0, 1 or 2 at its end")
    return states


def _refuse(wrong: NDArray[np.bool_], lines: NDArray[np.intp], reason: str) -> None:
    """Raise for the first joint that is wrong; `wrong` is (bodies, joints, …)."""
    if wrong.any():
        body, joint = np.argwhere(wrong)[0, :2]
        raise line_error(int(lines[body, joint]), reason)


def _assemble(
    num_frames: int, bodies: list[_Body], joints: NDArray[np.float32], tracking: NDArray[np.uint8]
) -> Skeleton:
    """Return the skeleton of all bodies that are seen, with one column for each person."""
    seen = np.flatnonzero(joints.any(axis=(1, 2)))
    frames, columns = [], []
    persons: dict[str, int] = {}
    for index in seen.tolist():
        body = bodies[index]
        frames.append(body.frame)
        columns.append(persons.setdefault(body.name, len(persons)))
        if len(persons) > MAX_BODIES or num_frames * len(persons) > MAX_PLACES:
            raise line_error(body.line, f"has body {len(persons)} of {num_frames} frames: too many")
    if not persons:
        raise DecodeError("nobody is seen in any frame: no bodies, or all their coordinates are zero")
    all_joints = np.full((num_frames, len(persons), JOINTS, 3), np.nan, np.float32)
    all_tracking = np.zeros((num_frames, len(persons), JOINTS), np.uint8)
    all_joints[frames, columns] = joints[seen]
    all_tracking[frames, columns] = tracking[seen]
    return Skeleton(all_joints, all_tracking, tuple(persons), CENTRE)


def _show(token: bytes) -> str:
    return repr(token[:40].decode("ascii", "backslashreplace"))
