"""Every file below a folder is a clip or is left out with a reason."""

import os
from pathlib import Path

import pytest

from common.errors import UserError
from manifests.importing.found_files import find_files
from tests.manifests.importing.conftest import write_clips


def test_clips_are_found_at_any_depth_and_everything_else_has_a_reason(
    videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clips(videos, ["a/one.mp4", "a/deep/er/two.AVI", "b/three.npy", "a/notes.txt", "a/._one.mp4", ".git/x.mp4"])
    write_clips(videos, ["a/locked.mp4", "a/new\nline.mp4", "joints.toml", 'label\'s, "list".csv'])
    (videos / "a" / "nothing.mp4").touch()
    os.mkfifo(videos / "a" / "pipe.mp4")
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: "locked" not in str(path) and may(path, mode))
    found = find_files(videos)
    assert found.clips == ["a/deep/er/two.AVI", "a/one.mp4", "b/three.npy"]
    assert found.folders == ["a", "a/deep", "a/deep/er", "b"]
    assert found.left_out == {
        "a name with a character that cannot be printed": ["'a/new\\nline.mp4'"],
        "empty": ["a/nothing.mp4"],
        "hidden": [".git/", "a/._one.mp4"],
        "neither a file nor a folder": ["a/pipe.mp4"],
        "not a video or skeleton file": ["a/notes.txt", 'label\'s, "list".csv'],
        "unreadable": ["a/locked.mp4"],
    }


def test_links_are_followed_only_inside_the_folder(videos: Path, tmp_path: Path) -> None:
    write_clips(tmp_path, ["elsewhere/out.mp4", "videos/a/own.mp4", "videos/a/.pool/hidden.mp4"])
    (videos / "b").mkdir()
    for name, target in {
        "out.mp4": tmp_path / "elsewhere" / "out.mp4",
        "up.mp4": Path("../../elsewhere/out.mp4"),
        "again.mp4": Path("../a/own.mp4"),
        "pool.mp4": Path("../a/.pool/hidden.mp4"),
        "twice.mp4": Path("../a/.pool/hidden.mp4"),
        "gone.mp4": Path("nowhere.mp4"),
        "circle.mp4": Path("circle.mp4"),
        "folder": Path("../a"),
        "loop": Path(),
        "notes.txt": Path("../a/own.mp4"),
    }.items():
        (videos / "b" / name).symlink_to(target)
    found = find_files(videos)
    assert found.clips == ["a/own.mp4", "b/pool.mp4"]
    assert found.left_out == {
        "a link out of the folder (copy the file)": ["b/out.mp4", "b/up.mp4"],
        "a link to a folder (copy the folder)": ["b/folder", "b/loop"],
        "a link to nothing or to itself": ["b/circle.mp4", "b/gone.mp4"],
        "a second link to a clip, or a link to a clip that is in the folder itself": ["b/again.mp4", "b/twice.mp4"],
        "hidden": ["a/.pool/"],
        "not a video or skeleton file": ["b/notes.txt"],
    }


def test_the_folder_itself_may_be_a_link(videos: Path, tmp_path: Path) -> None:
    write_clips(videos, ["a/one.mp4"])
    (tmp_path / "link").symlink_to(videos)
    assert find_files(tmp_path / "link").clips == ["a/one.mp4"]


def test_names_of_folders_must_be_printable(videos: Path) -> None:
    write_clips(videos, ["a\nb/one.mp4"])
    with pytest.raises(UserError, match=r"the folder 'a\\nb' has a character that cannot be printed"):
        find_files(videos)
    with pytest.raises(UserError, match="does not exist"):
        find_files(videos / "nowhere")
