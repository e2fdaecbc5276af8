"""A skeleton file for each video: what is there is left, other settings are refused, and failures are listed."""

import json
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import UserError
from extract import openvino_core
from extract.clip import Clip
from extract.decoding.decode_process import DecodeTask, Failure
from extract.poses import folder
from extract.poses.folder import PoseConfig, PoseMachine, make_poses
from extract.skeletons.joint_list_file import find_joint_list
from extract.skeletons.readers import read_skeleton

POSES = np.random.default_rng(0).normal(size=(4, 2, 33, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No model and no worker: a list of the videos that were decoded. A video is damaged or empty by its content."""
    names: list[str] = []

    def decode_all(tasks: Iterator[DecodeTask], **how: Any) -> Iterator[tuple[str, Clip] | Failure]:
        for task in tasks:
            assert task.poses is not None
            names.append(Path(task.path).name)
            content = Path(task.path).read_text()
            poses = np.full_like(POSES, np.nan) if content == "empty" else POSES
            clip = Clip(poses[:, : task.poses.persons], np.zeros(0, np.int64), len(POSES))
            yield Failure(task.clip_id, "decode", "cut") if content == "damaged" else (task.clip_id, clip)

    monkeypatch.setattr(folder, "model_files", lambda *_: (Path("detector"), Path("landmarks")))
    monkeypatch.setattr(folder, "decode_all", decode_all)
    return names


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for name, content in (("walk/a", "fine"), ("walk/b", "damaged"), ("jump/c", "empty")):
        path = tmp_path / "videos" / f"{name}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "videos"


def test_each_video_has_a_file_and_the_second_run_takes_what_is_missing(
    videos: Path, tmp_path: Path, decoded: list[str]
) -> None:
    out = tmp_path / "poses"
    first = make_poses([videos], out, PoseConfig(persons=2), PoseMachine())
    assert (first.written, first.there, first.empty) == (["jump/c.npy", "walk/a.npy"], [], ["jump/c.npy"])
    assert first.failures == {str(videos / "walk" / "b.avi"): "cut"} and first.frames == 8
    assert not list(out.rglob("*.tmp"))
    decoded.clear()
    (videos / "walk" / "b.avi").write_text("fine")
    second = make_poses([videos], out, PoseConfig(persons=2), PoseMachine())
    assert (second.written, second.there, decoded) == (["walk/b.npy"], first.written, ["b.avi"])


@pytest.mark.parametrize(("coordinates", "unit"), [("world", "m"), ("image", "px")])
def test_the_files_are_skeletons_of_the_general_format(
    videos: Path, tmp_path: Path, coordinates: str, unit: str
) -> None:
    out = tmp_path / "poses"
    config = PoseConfig.model_validate({"persons": 1, "coordinates": coordinates})
    make_poses([videos], out, config, PoseMachine())
    joint_list = find_joint_list(str(out), ["walk/a.npy"])
    assert joint_list is not None and len(joint_list.names) == 33 and joint_list.unit == unit
    skeleton = read_skeleton(out / "walk" / "a.npy", joint_list)
    np.testing.assert_array_equal(skeleton.joints, POSES[:, :1, :, :3])
    np.testing.assert_array_equal(np.load(out / "walk" / "a.npy"), POSES[:, 0])  # with the visibility


def test_other_settings_in_the_folder_are_refused(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "poses"
    make_poses([videos], out, PoseConfig(), PoseMachine())
    with pytest.raises(UserError, match=r"other settings \(coordinates world there, image now\); give another --out"):
        make_poses([videos], out, PoseConfig(coordinates="image"), PoseMachine())
    with pytest.raises(UserError, match=r"other settings \(model blazepose-full there, blazepose-lite now"):
        make_poses([videos], out, PoseConfig(model="lite"), PoseMachine())
    assert json.loads((out / "poses.json").read_text())["persons"] == 1


def test_without_openvino_a_sentence_says_what_to_install(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(openvino_core, "version", missing)
    with pytest.raises(
        UserError, match="computed by OpenVINO, and the package openvino is not installed; install it: "
    ):
        make_poses([videos], tmp_path / "poses", PoseConfig(), PoseMachine())
