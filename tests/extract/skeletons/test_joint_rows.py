"""Skeletons of any joints as CSV files: joints by name or number, persons, gaps, and every fault with its line."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.clip import DecodeError
from extract.skeletons import joint_rows
from extract.skeletons.joint_list import JointList
from extract.skeletons.joint_rows import read_joint_rows
from extract.skeletons.skeleton import Skeleton

THREE = JointList(("hip", "spine", "head"), 1)
NAMES = ("hip", "spine", "head")


def read(folder: Path, text: str, joint_list: JointList | None = THREE) -> Skeleton:
    (folder / "clip.csv").write_text(text)
    return read_joint_rows(folder / "clip.csv", joint_list)


def rows(frames: list[int], person: str = "a", value: float = 1.5) -> list[str]:
    return [
        f"{frame},{person},{name},{value + frame},2,{index}" for frame in frames for index, name in enumerate(NAMES)
    ]


def table(*parts: list[str], header: str = "frame,person,joint,x,y,z") -> str:
    return "\n".join([header, *(row for part in parts for row in part)]) + "\n"


WHOLE = table(rows([0, 1, 2]))


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        WHOLE.replace("\n", "\r\n"),
        "\ufeff" + WHOLE,
        WHOLE.replace(",", " , "),
        WHOLE.replace("hip", '"hip"') + "\n\n",
        WHOLE.replace("hip", "0").replace("head", "2"),
        table(rows([0, 1, 2])[::-1]),
        table(rows([7, 8, 9], value=-5.5)),
        "\n".join([f"{line},0.9" if i else line + ",confidence" for i, line in enumerate(WHOLE.splitlines())]),
    ],
)
def test_one_person(tmp_path: Path, text: str) -> None:
    skeleton = read(tmp_path, text)
    expected = np.array([[[1.5 + t, 2, j] for j in range(3)] for t in range(3)], np.float32)
    assert np.array_equal(skeleton.joints, expected[:, None])
    assert (skeleton.joints.dtype, skeleton.centre, skeleton.body_ids) == (np.float32, 1, ("a",))


def test_columns_of_person_and_depth_may_be_left_out(tmp_path: Path) -> None:
    skeleton = read(tmp_path, "joint,frame,y,x\n0,0,1,2\n1,0,3,4\n2,0,5,6\n")
    assert skeleton.joints[0, 0].tolist() == [[2, 1, 0], [4, 3, 0], [6, 5, 0]]


def test_persons_and_gaps(tmp_path: Path) -> None:
    """Frames 2 and 3 have no rows, so nobody is seen in them; the person who is seen first is the first one."""
    skeleton = read(tmp_path, table(rows([1, 4], "late"), rows([0, 4], "soon"), ["5,soon,hip,,,nan"]))
    assert skeleton.body_ids == ("soon", "late")
    assert skeleton.seen.T.tolist() == [
        [True, False, False, False, True, False],
        [False, True, False, False, True, False],
    ]


@pytest.mark.parametrize("joints", [20, 25])
def test_without_a_list_joints_are_numbers(tmp_path: Path, joints: int) -> None:
    points = np.random.default_rng(0).normal(size=(2, joints, 3)).astype(np.float32)
    lines = [f"{t},{j},{x!r},{y!r},{z!r}" for t in range(2) for j, (x, y, z) in enumerate(points[t].tolist())]
    skeleton = read(tmp_path, table(lines, header="frame,joint,x,y,z"), None)
    assert np.array_equal(skeleton.joints[:, 0], points) and skeleton.centre == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        ("\n", "the table has no column frame; the first line names the columns: frame, person, joint, x, y, z"),
        (WHOLE.replace("joint,x", "joint,x,x"), "two columns have the name 'x'"),
        (WHOLE.replace(",x,", ",ex,"), "'ex' is not a column of this format; did you mean 'x'"),
        (WHOLE.replace("person", "persn"), "'persn' is not a column of this format; did you mean 'person'"),
        ("clip_id;path\na;b\n", "'clip_id;path' is not a column of this format; the names are frame, person"),
        ("frame,joint,x\n0,0,1\n", "the table has no column y"),
        ("frame,joint,x,y\n", "the table has no rows, so 0 frames"),
        (WHOLE.replace("head", "haed", 1), "line 4 names the joint 'haed'; did you mean 'head'"),
        (WHOLE.replace("head", "-1", 1), "line 4 names the joint '-1'; the names are hip, spine, head"),
        (WHOLE.replace("head", "3", 1), "line 4 names the joint 3; the numbers are 0 to 2"),
        (WHOLE.replace("1,a,spine", "1,a,hip"), "line 6 repeats frame 1, joint hip"),
        (table(rows([5], "a"), rows([5], "b"), rows([5], "a")), "line 8 repeats frame 5, person a, joint hip"),
        (WHOLE.replace("2.5", "left"), "line 5 has no number in x: 'left'"),
        (WHOLE.replace("2.5", "", 1), "in frame 1 of the table, person a: x of joint 'hip' is missing, and others"),
        (WHOLE.replace("2.5", "-inf", 1), "in frame 1 of the table, person a: x of joint 'hip' is infinite"),
        (WHOLE.replace("2.5", "1e99", 1), "x of joint 'hip' is infinite or too large"),
        (table(rows([0, 1])[:-1]), "in frame 1 of the table, person a: x of joint 'head' is missing"),
        (table(["0,a,hip,,,", "0,a,spine,,,"]), "nobody in any frame"),
        (WHOLE.replace("1,a,spine", "1.5,a,spine"), "line 6 has no frame number: '1.5'"),
        (WHOLE.replace("1,a,spine", "-1,a,spine"), "line 6 has no frame number: '-1'"),
        (WHOLE.replace("1,a,spine", ",a,spine"), "line 6 has no frame number: ''"),
        (WHOLE.replace("1,a,spine", "1,spine"), "line 6 has 5 cells, and the first line 6"),
        (WHOLE.replace("1,a,spine", "100000,a,spine"), "the table has frames 0 to 100000; a clip has up to 100000"),
        (table(*(rows([0], f"p{n}") for n in range(70))), "line 194 has person 65 of the clip, 'p64': too many"),
        (WHOLE + '"' + "x" * 200_000, "line 11 is not CSV: field larger than field limit"),
        (WHOLE + "\0", "line 11 "),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        read(tmp_path, text)


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "clip.csv").write_bytes(WHOLE.encode("utf-16"))
    with pytest.raises(DecodeError, match="not a text in UTF-8"):
        read_joint_rows(tmp_path / "clip.csv", THREE)


def test_without_a_list_other_joints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match=r"line 2 names the joint 'hip'; without joints.toml, joints are numbers"):
        read(tmp_path, WHOLE, None)
    numbers = WHOLE.replace("hip", "0").replace("spine", "1").replace("head", "2")
    with pytest.raises(DecodeError, match=r"has 3 joints; without a joint list only 20"):
        read(tmp_path, numbers, None)
    with pytest.raises(DecodeError, match=r"names the joint 99999999; the numbers are 0 to 9999"):
        read(tmp_path, numbers.replace("a,2", "a,99999999"), None)


def test_few_rows_of_many_frames_persons_and_joints_take_no_memory(tmp_path: Path) -> None:
    names = tuple(f"j{number}" for number in range(1000))
    text = table(["0,a,j0,1,1,1", "99999,b,j999,1,1,1"])
    with pytest.raises(DecodeError, match=r"the table has 200000000 points; the limit is 12500000"):
        read(tmp_path, text, JointList(names, 0))


def test_a_file_above_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extract.skeletons.file_bytes.MAX_BYTES", len(WHOLE) - 1)
    with pytest.raises(DecodeError, match="larger than"):
        read(tmp_path, WHOLE)


@settings(max_examples=200, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 127)), min_size=1, max_size=4),
    cut=st.none() | st.integers(0, len(WHOLE)),
)
def test_damage_ends_in_a_refusal_or_a_valid_skeleton(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]], cut: int | None
) -> None:
    content = bytearray(WHOLE.encode())
    for where, byte in flips:
        content[where] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.csv"
    path.write_bytes(bytes(content[:cut]))
    try:
        skeleton = read_joint_rows(path, THREE)
    except DecodeError as error:
        assert len(str(error)) > 10
    else:
        assert skeleton.joints.shape[2:] == (3, 3) and len(skeleton.joints) <= joint_rows.MAX_FRAMES
        assert np.isfinite(skeleton.joints[skeleton.seen]).all() and skeleton.seen.any()
