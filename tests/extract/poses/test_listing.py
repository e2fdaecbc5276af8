"""The videos of folders and files, and the names of their poses."""

from pathlib import Path

import pytest

from common.errors import UserError
from extract.poses.listing import list_videos


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"not read")
    return path


def test_inner_folders_are_kept_and_skeletons_are_no_videos(tmp_path: Path) -> None:
    touch(tmp_path / "in" / "walk" / "01.AVI")
    touch(tmp_path / "in" / "walk" / "01.npy")
    touch(tmp_path / "in" / "notes.txt")
    other = touch(tmp_path / "other" / "clip.mp4")
    found = list_videos([tmp_path / "in", other])
    assert [(each.video, each.poses) for each in found] == [
        (tmp_path / "in" / "walk" / "01.AVI", "walk/01.npy"),
        (other, "clip.npy"),
    ]


def test_two_videos_with_one_name_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "a.avi")
    touch(tmp_path / "a.mp4")
    with pytest.raises(UserError, match=r"a\.avi and .*a\.mp4 would both have the poses a\.npy"):
        list_videos([tmp_path])


def test_missing_and_empty_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist; give folders of videos"):
        list_videos([tmp_path / "nowhere"])
    with pytest.raises(UserError, match="no videos in"):
        list_videos([tmp_path])
