"""Skeletons of any joints as CSV files: a row for each joint of each person in each frame.

The columns are `frame`, `joint`, `x` and `y`, with `person` where there are several and `z` where there is depth.
"""

import csv
import io
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from extract.clip import DecodeError
from extract.skeletons.file_bytes import MAX_FRAMES, read_bytes
from extract.skeletons.general import MAX_PERSONS, Coordinates, check_size, make_skeleton
from extract.skeletons.joint_list import JointList, joint_list_for, nearest
from extract.skeletons.skeleton import Skeleton
from extract.skeletons.text_lines import line_error

NEEDED = ("frame", "joint", "x", "y")
UNUSED = ("tracked", "confidence")  # columns that may be there; all joints with coordinates count alike
COLUMNS = ("frame", "person", "joint", "x", "y", "z", *UNUSED)
MAX_JOINT_NUMBER = 10_000
WHAT = "the table"


@dataclass
class _Columns:
    """The cells of a table, row by row; persons by number."""

    persons: dict[str, int] = field(default_factory=dict)
    lines: "array[int]" = field(default_factory=lambda: array("l"))
    frame: "array[int]" = field(default_factory=lambda: array("l"))
    person: "array[int]" = field(default_factory=lambda: array("l"))
    joint: "array[int]" = field(default_factory=lambda: array("l"))
    points: "array[float]" = field(default_factory=lambda: array("d"))


def read_joint_rows(path: Path, joint_list: JointList | None = None) -> Skeleton:
    """Read a `.csv` file with a row for each joint.

    Frames are counted from the smallest number in the file to the largest. A person without rows in a frame is not
    seen in it, and so is nobody in a frame without rows. A cell of x, y or z may be empty, which is NaN.

    Args:
        path: the file.
        joint_list: of the set; None: joints are numbers, the 20 of Kinect v1 or the 25 of Kinect v2.

    Raises:
        DecodeError: the file does not exist, is no such table (with the line), or names a joint that is not in the
            list; or the joints do not fit (`joint_list_for`), or a value does not (`make_skeleton`).
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DecodeError(f"not a text in UTF-8: {error}") from error
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [name.strip() for name in next(rows, [])]
        _check_header(header)
        columns = _read(rows, header, _joint_numbers(joint_list))
    except csv.Error as error:
        raise line_error(rows.line_num - 1, f"is not CSV: {error}") from error
    if not columns.lines:
        raise DecodeError(f"{WHAT} has no rows, so 0 frames")
    num_joints = max(columns.joint) + 1 if joint_list is None else len(joint_list.names)
    chosen = joint_list_for(num_joints, joint_list, WHAT)
    return make_skeleton(_arrange(columns, chosen, 3 if "z" in header else 2), chosen)


def _check_header(header: list[str]) -> None:
    for name in header:
        if name not in COLUMNS:
            raise DecodeError(f"{name!r} is not a column of this format; {nearest(name, COLUMNS)}")
        if header.count(name) > 1:
            raise DecodeError(f"two columns have the name {name!r}")
    if missing := [name for name in NEEDED if name not in header]:
        raise DecodeError(f"{WHAT} has no column {missing[0]}; the first line names the columns: {', '.join(COLUMNS)}")


def _joint_numbers(joint_list: JointList | None) -> Callable[[str], int]:
    """Return the function that turns a cell into the number of a joint, or raises a DecodeError."""
    names = () if joint_list is None else joint_list.names
    known = {name: number for number, name in enumerate(names)}
    limit = len(names) or MAX_JOINT_NUMBER

    def number_of(cell: str) -> int:
        if (number := known.get(cell)) is not None:
            return number
        if not (cell.isdecimal() and len(cell) < 9):
            hint = nearest(cell, names) if names else "without joints.toml, joints are numbers from 0 on"
            raise DecodeError(f"names the joint {cell[:40]!r}; {hint}")
        if int(cell) >= limit:
            raise DecodeError(f"names the joint {cell}; the numbers are 0 to {limit - 1}")
        return known.setdefault(cell, int(cell))

    return number_of


def _read(rows: Any, header: list[str], joint_number: Callable[[str], int]) -> _Columns:
    """Return all cells; `rows` is a reader of the module csv, whose type has no public name."""
    at = {name: header.index(name) for name in header}
    frame_at, joint_at, person_at = at["frame"], at["joint"], at.get("person")
    axes = [at[name] for name in ("x", "y", "z") if name in at]
    columns = _Columns()
    for cells in rows:
        if not cells:
            continue
        line = rows.line_num - 1
        if len(cells) != len(header):
            raise line_error(line, f"has {len(cells)} cells, and the first line {len(header)}")
        frame = cells[frame_at].strip()
        if not (frame.isdecimal() and len(frame) < 10):
            raise line_error(line, f"has no frame number: {frame[:40]!r}")
        person = "" if person_at is None else cells[person_at].strip()
        try:
            columns.joint.append(joint_number(cells[joint_at].strip()))
        except DecodeError as error:
            raise line_error(line, str(error)) from error
        for place in axes:
            columns.points.append(_number(cells[place], line, header[place]))
        columns.lines.append(line)
        columns.frame.append(int(frame))
        columns.person.append(columns.persons.setdefault(person, len(columns.persons)))
        if len(columns.persons) > MAX_PERSONS:
            raise line_error(line, f"has person {MAX_PERSONS + 1} of the clip, {person[:40]!r}: too many")
    return columns


def _number(cell: str, line: int, axis: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        if not cell.strip():
            return float("nan")
        raise line_error(line, f"has no number in {axis}: {cell[:40]!r}") from error


def _arrange(columns: _Columns, joint_list: JointList, axes: int) -> Coordinates:
    """Return the coordinates (T, persons, J, axes); NaN where there is no row."""
    frame, person, joint = (np.array(column, np.int64) for column in (columns.frame, columns.person, columns.joint))
    first, num_joints = int(frame.min()), len(joint_list.names)
    frame -= first
    shape = (int(frame.max()) + 1, len(columns.persons), num_joints)
    if shape[0] > MAX_FRAMES:
        raise DecodeError(f"{WHAT} has frames {first} to {first + shape[0] - 1}; a clip has up to {MAX_FRAMES}")
    check_size(*shape, WHAT)
    place = np.ravel_multi_index((frame, person, joint), shape)
    order = np.argsort(place, kind="stable")
    again = order[1:][place[order[1:]] == place[order[:-1]]]
    if again.size:
        row = int(again.min())
        who = f", person {list(columns.persons)[person[row]]}" if len(columns.persons) > 1 else ""
        which = f"frame {frame[row] + first}{who}, joint {joint_list.names[joint[row]]}"
        raise line_error(columns.lines[row], f"repeats {which}")
    points = np.full((shape[0] * shape[1] * num_joints, axes), np.nan)
    points[place] = np.array(columns.points).reshape(-1, axes)
    return Coordinates(points.reshape(*shape, axes), list(columns.persons), WHAT, first)
