"""Which names are clips."""

import pytest

from manifests.file_kinds import SKELETON_SUFFIXES, VIDEO_SUFFIXES, is_clip, suffix_of


@pytest.mark.parametrize(
    "name", ["a.mp4", "A.AVI", "a.b.skeleton", "a.npy", "a.mat", "a.skeleton.csv", "A.Skeleton.CSV"]
)
def test_clips(name: str) -> None:
    assert is_clip(name)


@pytest.mark.parametrize("name", ["manifest.csv", "a.txt", ".a.mp4", ".mp4", "mp4", "joints.toml", "a.mp4.part", ""])
def test_other_files(name: str) -> None:
    assert not is_clip(name)


def test_a_suffix_is_returned_as_the_name_has_it() -> None:
    assert suffix_of("walk/01.Skeleton.csv") == ".Skeleton.csv"
    assert suffix_of("walk/01.MP4") == ".MP4"
    assert suffix_of("walk/01.csv") == ""


def test_suffixes_of_one_kind() -> None:
    assert suffix_of("a.mp4", SKELETON_SUFFIXES) == ""
    assert suffix_of("a.npy", SKELETON_SUFFIXES) == ".npy"
    assert suffix_of("a.npy", VIDEO_SUFFIXES) == ""


def test_no_kind_shares_a_suffix_with_the_other() -> None:
    assert not set(VIDEO_SUFFIXES) & set(SKELETON_SUFFIXES)
