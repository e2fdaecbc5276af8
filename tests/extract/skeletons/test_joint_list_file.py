"""`joints.toml`: its keys, where it is found, and every fault with its sentence."""

from pathlib import Path

import pytest

from common.errors import UserError
from extract.skeletons.joint_list import JointList
from extract.skeletons.joint_list_file import find_joint_list, joint_list_of_file, joint_settings, read_joint_list

NAMES = 'names = ["hip", "spine", "head"]\n'
VALID = NAMES + 'centre = "spine"\n'
LIST = JointList(("hip", "spine", "head"), 1)


def read(folder: Path, text: str) -> JointList:
    (folder / "joints.toml").write_text(text)
    return read_joint_list(folder / "joints.toml")


def test_the_shortest_list_and_all_keys(tmp_path: Path) -> None:
    assert read(tmp_path, VALID) == LIST
    assert read(tmp_path, "\ufeff" + VALID) == LIST
    every = read(tmp_path, VALID + 'unit = "mm"\nzeros_mean_unseen = false\n')
    assert every == JointList(LIST.names, 1, "mm", False)
    assert joint_settings(every) == {
        "joints": ["hip", "spine", "head"],
        "centre": "spine",
        "unit": "mm",
        "zeros_mean_unseen": False,
    }
    assert joint_settings(None) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("names: hip, spine", r"joints.toml is not TOML \(.*line 1.*\); a joint list has lines like names = "),
        ("[" * 60_000, "joints.toml is not TOML"),
        (" " * 70_000, "joints.toml is larger than 64 KiB: not a joint list"),
        ("", "names: this is required, and it is missing; centre: this is required, and it is missing"),
        (NAMES, "centre: this is required, and it is missing"),
        (VALID + "fps = 30", "fps is not a key"),
        (VALID.replace("centre", "center"), "center is not a key; did you mean centre"),
        (VALID.replace('spine"\n', 'spin"\n'), "centre 'spin' is not one of names; did you mean 'spine'"),
        (NAMES + "centre = 1", "centre: must be text in quotation marks"),
        (VALID.replace("head", "hip"), "two joints have the name 'hip'"),
        (VALID.replace("head", ""), "the joint's name '' is empty"),
        (VALID.replace("head", "head "), "the joint's name 'head ' is empty, or has a space"),
        (VALID.replace("head", "7"), "the joint's name '7' is a number"),
        ('names = ["hip"]\ncentre = "hip"', "names: must have at least 2 items"),
        (VALID.replace('"head"', "3"), r"names\.2: must be text in quotation marks"),
        (VALID + 'unit = "inch"', "unit: must be 'm', 'cm', 'mm' or 'px'"),
        (VALID + "zeros_mean_unseen = 0", "zeros_mean_unseen: must be true or false"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        read(tmp_path, text)


def test_other_bytes_and_no_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "joints.toml").write_bytes(VALID.encode("utf-16"))
    with pytest.raises(UserError, match="is not TOML"):
        read_joint_list(tmp_path / "joints.toml")
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_joint_list(tmp_path / "none.toml")
    with pytest.raises(UserError, match="is not a file"):
        read_joint_list(tmp_path)


def test_the_nearest_list_above_the_files_and_never_above_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "skeletons" / "walk").mkdir(parents=True)
    (tmp_path / "joints.toml").write_text("above the root")
    paths = ["skeletons/walk/1.npy", "skeletons/run/2.skeleton.csv"]
    assert find_joint_list(str(root), paths) is None
    (root / "joints.toml").write_text(VALID)
    assert find_joint_list(str(root), paths) == LIST
    (root / "skeletons" / "joints.toml").write_text(VALID.replace("head", "neck"))
    assert find_joint_list(str(root), paths) == JointList(("hip", "spine", "neck"), 1)
    (root / "skeletons" / "walk" / "joints.toml").write_text(VALID)
    with pytest.raises(
        UserError, match=r"walk/joints.toml, and that of .*2.skeleton.csv is .*; a set of skeletons has one"
    ):
        find_joint_list(str(root), paths)
    (root / "skeletons" / "joints.toml").unlink()
    (root / "joints.toml").unlink()
    with pytest.raises(UserError, match=r"2.skeleton.csv is missing"):
        find_joint_list(str(root), paths)


def test_the_list_of_one_file_is_in_its_folder_or_above_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "skeletons" / "walk").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "skeletons")
    (tmp_path / "joints.toml").write_text(VALID)
    for path in ("walk/1.npy", "1.npy", str(tmp_path / "skeletons" / "walk" / "1.npy"), "../2.npy", "walk/../../2.npy"):
        assert joint_list_of_file(path) == LIST
    (tmp_path / "skeletons" / "joints.toml").write_text(VALID.replace("head", "neck"))
    assert joint_list_of_file("walk/1.npy") == JointList(("hip", "spine", "neck"), 1)
    assert joint_list_of_file("../2.npy") == LIST
    assert joint_list_of_file("walk/1.mat") is None


def test_only_general_formats_have_a_list(tmp_path: Path) -> None:
    (tmp_path / "joints.toml").write_text("not TOML")
    assert find_joint_list(str(tmp_path), ["a.skeleton", "b/c.mat", "d.avi"]) is None
    with pytest.raises(UserError, match="not TOML"):
        find_joint_list(str(tmp_path), ["a.skeleton", "b/c.NPY"])


@pytest.mark.parametrize("path", ["../a.npy", "b/../../a.npy", "/a.npy"])
def test_a_path_out_of_the_root_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "joints.toml").write_text(VALID)
    (tmp_path / "root").mkdir()
    with pytest.raises(UserError, match="leads out of"):
        find_joint_list(str(tmp_path / "root"), [path])


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "joints.toml").symlink_to(tmp_path / "gone.toml")
    with pytest.raises(UserError, match="cannot be read"):
        find_joint_list(str(tmp_path), ["a.npy"])


def test_behind_a_url_the_root_is_searched() -> None:
    import fsspec

    files = fsspec.filesystem("memory")
    files.pipe("/lists/set/joints.toml", VALID.encode())
    assert find_joint_list("memory://lists/set", ["walk/a.npy"]) == LIST
    assert find_joint_list("memory://lists", ["set/a.npy"]) is None
    assert joint_list_of_file("memory://lists/set/a.npy") == LIST and joint_list_of_file("memory://lists/a.npy") is None
    files.pipe("/lists/joints.toml", b"names")
    with pytest.raises(UserError, match=r"memory://lists/joints.toml is not TOML"):
        find_joint_list("memory://lists", ["set/a.npy"])
