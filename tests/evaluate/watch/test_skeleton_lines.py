"""Lines of JSON become frames of skeletons; a line of another form ends the source with its number."""

import io
import json
import threading
from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from evaluate.watch.mailbox import Ended, JointsArrived, Mailbox, Message
from evaluate.watch.skeleton_lines import LONGEST_LINE, SkeletonLines, bounded_lines
from extract.skeletons.joint_list import JointList

BODY = [[0.5, 1.0, 2.0], [1.5, 1.0, 2.0]]


def read(lines: Iterable[str], joints: int | None = 2, joint_list: JointList | None = None) -> list[Message]:
    condition = threading.Condition()
    mailbox = Mailbox(100, False, condition)
    SkeletonLines(lines, joints, joint_list, mailbox)._thread.join(10)
    found = []
    with condition:
        while (message := mailbox.take()) is not None:
            found.append(message)
    return found


def line(**fields: object) -> str:
    return json.dumps({"bodies": [BODY], **fields})


def test_frames() -> None:
    first, second, third, end = read(
        [line(time=0.1, num_frames=9, centre=1), "", line(bodies=[BODY, None], begins=True), line(bodies=[])]
    )
    assert isinstance(first, JointsArrived) and isinstance(second, JointsArrived) and isinstance(third, JointsArrived)
    assert (first.time, first.begins, first.num_frames, first.centre) == (0.1, "the stream begins", 9, 1)
    assert np.array_equal(first.bodies, np.array([BODY], np.float32)) and first.bodies.dtype == np.float32
    assert (second.time, second.begins, second.num_frames) == (None, "another recording begins", None)
    assert np.isnan(second.bodies[1]).all() and second.bodies.shape == (2, 2, 3)
    assert third.begins == "" and third.bodies.shape == (0, 2, 3)
    assert end == Ended("")


def test_units_flat_joints_and_persons_of_zeros() -> None:
    joint_list = JointList(("a", "b"), 0, "cm", zeros_mean_unseen=True)
    flat, unseen, _ = read(
        [json.dumps({"bodies": [[[100, 50], [0, 25]]]}), json.dumps({"bodies": [[[0, 0, 0], [0, 0, 0]]]})],
        joint_list=joint_list,
    )
    assert isinstance(flat, JointsArrived) and isinstance(unseen, JointsArrived)
    assert np.allclose(flat.bodies, [[[1, 0.5, 0], [0, 0.25, 0]]])
    assert np.isnan(unseen.bodies).all()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "line 2 is no JSON"),
        ("[1]", 'line 2 must be an object with a list "bodies"'),
        (line(bodies=[[[1, 2, 3]]]), r"line 2: a person must be 2 joints \[x, y, z\]"),
        (line(bodies=[[[1, 2, "a"], [1, 2, 3]]]), "line 2: a person must be 2 joints"),
        ('{"bodies": [[[1, 2, NaN], [1, 2, 3]]]}', "line 2: a person must be 2 joints"),
        (line(time="now"), "line 2: time must be a number of seconds, not 'now'"),
        (line(num_frames=0), "line 2: num_frames must be a whole number from 1 on, not 0"),
        (line(centre=-1), "line 2: centre must be a whole number from 0 on, not -1"),
        (line(bodies=[None] * 17), "line 2 has 17 persons; at most 16"),
        ("[" * 100_000, "line 2 is no JSON: maximum recursion depth"),
        ('{"bodies": [], "time": ' + "9" * 400 + "}", "line 2: time must be a number of seconds, not 999"),
        (line(bodies=[[[10**400, 1, 1], [1, 2, 3]]]), "line 2: a person must be 2 joints"),
        (line(bodies=[[[1e30, 1, 1], [1, 2, 3]]]), "line 2: a joint is more than 1e\\+06 m away"),
        (line(bodies=[[[1, 2, 3]] * 3]), r"line 2: a person must be 2 joints .* this one has 3"),
        (line(num_frames=10**30), "line 2: num_frames must be at most 200000"),
    ],
)
def test_a_line_of_another_form_ends_the_source(text: str, reason: str) -> None:
    first, end = read([line(), text, line()])
    assert isinstance(first, JointsArrived) and isinstance(end, Ended)
    with pytest.raises(ValueError, match=reason):
        raise ValueError(end.reason)


def test_nobody_may_be_seen_before_the_first_person() -> None:
    empty, first, end = read([line(bodies=[]), line()], joints=None)
    assert isinstance(empty, JointsArrived) and empty.bodies.shape == (0, 0, 3)
    assert isinstance(first, JointsArrived) and first.bodies.shape == (1, 2, 3) and end == Ended("")


def test_whatever_happens_the_source_ends() -> None:
    def broken() -> Iterator[str]:
        yield line()
        raise IsADirectoryError(21, "Is a directory")

    def defective() -> Iterator[str]:
        yield line()
        raise RuntimeError("a defect")

    assert read(broken())[-1] == Ended("it cannot be read: Is a directory")
    assert read(defective())[-1] == Ended("RuntimeError: a defect")


def test_a_line_without_an_end_is_not_kept() -> None:
    class Endless(io.StringIO):
        given = 0

        def readline(self, size: int | None = -1, /) -> str:
            self.given += size or 0
            return "x" * (size or 0)

    endless = Endless()
    (end,) = read(bounded_lines(endless))
    assert isinstance(end, Ended) and "line 1 is longer than 1048576 characters" in end.reason
    assert endless.given == LONGEST_LINE
    assert list(bounded_lines(io.StringIO("a\n\nb"))) == ["a\n", "\n", "b"]
    (closed,) = read(bounded_lines(None))
    assert isinstance(closed, Ended) and closed.reason.startswith("standard input is closed")
