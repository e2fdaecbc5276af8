"""Skeletons as lines of JSON, on standard input or in any other stream of lines: one line for each frame.

A line is an object:

- `bodies`: a list of persons; a person is a list of joints [x, y, z] or [x, y], or null where it is not seen. A person
  keeps its place in the list. The order of the joints and the unit are those of the files that the model has learnt
  from.
- `time`: in seconds; it may be left out where `num_frames` says how long the recording is.
- `begins`: true with the first frame of another recording. What was seen before is forgotten.
- `num_frames`: with a frame that begins a recording, how many frames it has, if that is known.
- `centre`: with the first frame, the number of the joint in the middle of the body, from 0; default: that of the joint
  list, or else 1, as of Kinect.
"""

import json
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from evaluate.live.written import cut
from evaluate.watch.mailbox import Ended, JointsArrived, Mailbox
from extract.skeletons.joint_list import SCALES, JointList

MOST_PERSONS = 16
LATEST = 1e12  # seconds
SHOWN = 40  # characters of a value in a sentence
MOST_FRAMES = 200_000  # of a recording whose length is given: nearly two hours at 30 frames a second
FARTHEST = 1e6  # metres; the features of larger coordinates are no numbers
LONGEST_LINE = 1 << 20  # characters


def bounded_lines(stream: TextIO | None) -> Iterator[str]:
    """Yield the lines of a stream, which may be endless.

    Args:
        stream: text; None: it is closed, as standard input may be.

    Raises:
        ValueError: the stream is closed, or a line has more than `LONGEST_LINE` characters.
    """
    if stream is None:
        raise ValueError("standard input is closed; send it a line of JSON for each frame")
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE and not line.endswith("\n"):
            raise ValueError(f"line {number} is longer than {LONGEST_LINE} characters")
        yield line


class SkeletonLines:
    """Reads lines in a thread until they end.

    Args:
        lines: text, one line a frame.
        num_joints: of every person; None: that of the first person.
        joint_list: has the unit of the coordinates; None: metres.
        mailbox: gets the messages; the last one is `Ended`.
    """

    def __init__(
        self, lines: Iterable[str], num_joints: int | None, joint_list: JointList | None, mailbox: Mailbox
    ) -> None:
        self._lines = lines
        self._num_joints = num_joints
        self._scale = SCALES[joint_list.unit] if joint_list else 1.0
        self._zeros_mean_unseen = joint_list is None or joint_list.zeros_mean_unseen
        self._mailbox = mailbox
        self._thread = threading.Thread(target=self._receive, daemon=True, name="skeleton lines")
        self._thread.start()

    def close(self) -> None:
        """Forget the lines that wait. The thread ends with the next line."""
        self._mailbox.close()

    def _receive(self) -> None:
        reason, first = "", True
        try:
            for number, line in enumerate(self._lines, start=1):
                if line.strip():
                    self._mailbox.put(self._read(line, number, first))
                    first = False
        except ValueError as error:
            reason = str(error)
        except OSError as error:
            reason = f"it cannot be read: {error.strerror or error}"
        except Exception as error:  # whatever the lines have in them, the source ends with a sentence
            reason = f"{type(error).__name__}: {error}"
        self._mailbox.put(Ended(reason))

    def _read(self, line: str, number: int, first: bool) -> JointsArrived:
        """Return the frame of a line.

        Raises:
            ValueError: the line has another form; the text says which line.
        """
        captured = time.monotonic()
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {number} is no JSON: {error}") from error
        if not isinstance(fields, dict) or not isinstance(fields.get("bodies"), list):
            raise ValueError(f'line {number} must be an object with a list "bodies"')
        begins = "the stream begins" if first else "another recording begins" if fields.get("begins") is True else ""
        return JointsArrived(
            _number(fields, "time", number),
            captured,
            begins,
            self._bodies(fields["bodies"], number),
            _count(fields, "num_frames", 1, number),
            _count(fields, "centre", 0, number),
        )

    def _bodies(self, persons: list[Any], number: int) -> NDArray[np.float32]:
        """Return the persons of a frame: (persons, joints, 3)."""
        if len(persons) > MOST_PERSONS:
            raise ValueError(f"line {number} has {len(persons)} persons; at most {MOST_PERSONS} are read")
        bodies: list[NDArray[np.float32] | None] = []
        for person in persons:
            if person is None:
                bodies.append(None)
                continue
            try:
                joints = np.array(person, np.float32)
            except (TypeError, ValueError, OverflowError):
                joints = np.empty(0, np.float32)
            self._num_joints = self._num_joints or (len(joints) if joints.ndim == 2 else 0)
            if joints.shape not in ((self._num_joints, 3), (self._num_joints, 2)) or not np.isfinite(joints).all():
                raise ValueError(
                    f"line {number}: a person must be {self._num_joints or 'some'} joints [x, y, z], and this one "
                    f"{_described(joints)}"
                )
            joints = joints * np.float32(self._scale)
            if np.abs(joints).max() > FARTHEST:
                raise ValueError(f"line {number}: a joint is more than {FARTHEST:g} m away")
            absent = self._zeros_mean_unseen and not joints.any()
            bodies.append(None if absent else np.pad(joints, ((0, 0), (0, 3 - joints.shape[1]))))
        if self._num_joints is None:
            return np.empty((0, 0, 3), np.float32)  # nobody has been seen yet
        unseen = np.full((self._num_joints, 3), np.nan, np.float32)
        return np.array([unseen if body is None else body for body in bodies], np.float32).reshape(
            -1, self._num_joints, 3
        )


def _number(fields: dict[str, Any], name: str, number: int) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LATEST:
        raise ValueError(f"line {number}: {name} must be a number of seconds, not {cut(repr(value), SHOWN)}")
    return float(value)


def _described(joints: NDArray[np.float32]) -> str:
    """Return in words what a person of the wrong form is."""
    if joints.ndim != 2:
        return "is something else"
    return f"has {len(joints)}" if np.isfinite(joints).all() else "has joints that are no numbers"


def _count(fields: dict[str, Any], name: str, least: int, number: int) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"line {number}: {name} must be a whole number from {least} on, not {cut(repr(value), SHOWN)}")
    if value > MOST_FRAMES:
        raise ValueError(f"line {number}: {name} must be at most {MOST_FRAMES}")
    return value
