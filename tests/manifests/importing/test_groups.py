"""Groups by the names of files: usual patterns, a regular expression, and names that tell nothing."""

import pytest

from common.errors import UserError
from manifests.importing.groups import Groups, groups_by_name, groups_by_regex


def groups_of(inner: list[str], classes: list[str] | None = None) -> Groups:
    classes = classes or ["walk"] * len(inner)
    paths = [f"{label}/{name}" for label, name in zip(classes, inner, strict=True)]
    return groups_by_name(paths, inner, classes)


@pytest.mark.parametrize(
    ("inner", "names", "title"),
    [
        ([f"S001C001P00{p}R001A001.skeleton" for p in (1, 2, 3)], ("P001", "P002", "P003"), "performers"),
        ([f"v_Walk_g0{g}_c01.avi" for g in (1, 2, 3)], ("walk/g01", "walk/g02", "walk/g03"), "UCF101's groups"),
        ([f"-x_{v}_000010_000020.mp4" for v in "abc"], ("-x_a", "-x_b", "-x_c"), "source videos, as ID"),
        ([f"subject{s}/take.mp4" for s in (1, 2, 30)], ("subject1", "subject2", "subject30"), "subjects, as subject3"),
        ([f"person{s:02}_walk_d1.avi" for s in (1, 2, 3)], ("person01", "person02", "person03"), "subjects, as subj"),
        ([f"a1_s{s}_t1_skeleton.mat" for s in (1, 2, 3)], ("s1", "s2", "s3"), "subjects, as s01"),
        ([f"S00{s}_take.mp4" for s in (1, 2, 3)], ("S001", "S002", "S003"), "subjects, as s01"),
        ([f"{v}/{n}.mp4" for v in "abc" for n in "xy"], (*"aabbcc",), "folders inside"),
        ([f"x {v}_0{n}.mp4" for v in "abc" for n in (1, 2)], tuple(f"x {v}" for v in "aabbcc"), "source videos, as n"),
        ([f"x-{v} clip0{n}.mp4" for v in "abc" for n in (1, 2)], tuple(f"x-{v}" for v in "aabbcc"), "source videos"),
    ],
)  # fmt: skip
def test_usual_names(inner: list[str], names: tuple[str, ...], title: str) -> None:
    groups = groups_of(inner)
    assert groups.names == names
    assert groups.title.startswith(title)
    assert groups.remarks == ()


@pytest.mark.parametrize(
    "inner",
    [
        [f"clip_0{n}.mp4" for n in range(9)],  # one prefix: the clips are numbered, and that tells no source
        [f"walk_{n}.mp4" for n in range(9)],
        [f"{v}_1.mp4" for v in "abcdefgh"],  # no two clips have one prefix
        [f"{n}.mp4" for n in range(9)],
        ["a.mp4", "b.mp4", "c.mp4"],
    ],
)
def test_names_that_tell_nothing(inner: list[str]) -> None:
    assert groups_of(inner) == Groups(("",) * len(inner), "")


def test_numbered_clips_of_several_classes_are_not_one_group_a_class() -> None:
    inner = [f"{label}_{n:02}.mp4" for label in ("run", "walk") for n in range(9)]
    assert groups_of(inner, ["run"] * 9 + ["walk"] * 9).title == ""


def test_two_subjects_are_too_few_for_three_splits() -> None:
    groups = groups_of([f"subject{s}_{take}.mp4" for s in (1, 2) for take in "abc"])
    assert groups.title == ""
    assert groups.remarks == (
        "the names seem to tell subjects, as subject3, but there are 2 only, and three splits",
    )  # fmt: skip


def test_clips_without_a_name_of_their_group_are_said() -> None:
    inner = [f"subject{s}_{take}.mp4" for s in (1, 2, 3, 4) for take in "abcde"]
    groups = groups_of([*inner, "intro.mp4"])
    assert groups.names[-1] == ""
    assert groups.remarks == ("1 of 21 clips name no group, and each is its own: walk/intro.mp4",)


def test_a_regular_expression_of_the_user() -> None:
    paths = ["walk/cam1-anna.mp4", "walk/cam2-ben.mp4", "run/cam1-anna.mp4", "run/other.mp4"]
    groups = groups_by_regex(paths, r"-(\w+)\.mp4")
    assert groups.names == ("anna", "ben", "anna", "")
    assert groups.remarks == ("1 of 4 clips name no group, and each is its own: run/other.mp4",)
    for regex, sentence in {
        "(": r"--group-regex '\(' is no regular expression",
        "cam": "has no group; put the part",
        "(x9)": r"fits no path, such as walk/cam1-anna\.mp4",
    }.items():
        with pytest.raises(UserError, match=sentence):
            groups_by_regex(paths, regex)
