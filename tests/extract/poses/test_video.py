"""The segments of poses from a video are those of a skeleton file with the same joints, and know no later frame."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from extract.backbones import find_backbone, load_backbone
from extract.clip import Clip
from extract.networks.backbone import Backbone
from extract.poses import folder, video
from extract.poses.joint_names import joint_list_text
from extract.poses.settings import PoseSettings
from extract.segments import SegmentTime
from extract.skeletons.joint_list_file import find_joint_list
from extract.skeletons.segment_points import decode_skeleton
from manifests.pieces import Piece
from manifests.recipes.extraction import Extract
from tests.extract.poses.conftest import ColouredSquares, draw

SETTINGS = PoseSettings("detector", "landmarks", 1, "world")
FRAMES, N = 23, 5


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "_networks", lambda *_: ColouredSquares())
    monkeypatch.setattr(folder, "model_files", lambda *_: (Path("detector"), Path("landmarks")))


def write_frames(path: Path, seen: range, count: int = FRAMES) -> Path:
    """A folder of images; the person is seen in some of them and walks to the right."""
    path.mkdir()
    for number in range(count):
        person = [(0, 30 + 3 * number, 50 + number % 3)] if number in seen else []
        Image.fromarray(draw(person)).save(path / f"{number:03}.png")
    return path


def decode(path: Path, num_segments: int = N, time: SegmentTime | None = None, piece: Piece | None = None) -> Clip:
    return video.decode_poses(path, SETTINGS, num_segments, "pyav", 0, lambda: None, time, piece)


def backbone(name: str = "blazepose:full", weights: str = "mediapipe") -> Backbone:
    return load_backbone(Extract(backbone=name, weights=weights))


def features(clip: Clip) -> np.ndarray:
    import torch

    drawn = backbone().draw(torch.from_numpy(clip.content), torch.from_numpy(clip.segments))
    return np.asarray(drawn[:, 0])


def test_the_segments_are_those_of_a_skeleton_file(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", range(3, 20))
    poses = decode(frames, num_segments=0).content
    assert poses.shape == (FRAMES, 1, 33, 4) and np.isnan(poses).any() and not np.isnan(poses).all()
    (tmp_path / "joints.toml").write_text(joint_list_text("world"))
    np.save(tmp_path / "frames.npy", poses)
    joints = find_joint_list(str(tmp_path), ["frames.npy"])
    expected = decode_skeleton(tmp_path / "frames.npy", N, joint_list=joints)
    found = decode(frames)
    np.testing.assert_array_equal(found.content, expected.content)
    np.testing.assert_array_equal(found.segments, expected.segments)
    assert (found.num_frames, found.centre) == (FRAMES, expected.centre)


def test_statistics_of_a_segment_are_those_of_its_joints(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", range(FRAMES))
    joints = decode(frames, num_segments=0).content[:, 0, :, :3].astype(np.float64)
    found = features(decode(frames))
    assert found.shape == (N, 9 * 33)
    for number, own in enumerate(found):
        part = joints[number * FRAMES // N : (number + 1) * FRAMES // N]
        part = part - part.mean(axis=1, keepdims=True)
        expected = np.concatenate([part.mean(0), part.std(0), part[-1] - part[0]])
        np.testing.assert_allclose(own, expected.ravel(), atol=1e-6)


def test_who_is_never_seen_has_zeros_and_fails_no_clip(tmp_path: Path) -> None:
    nobody = features(decode(write_frames(tmp_path / "empty", range(0))))
    np.testing.assert_array_equal(nobody, np.zeros((N, 297)))
    late = features(decode(write_frames(tmp_path / "late", range(15, FRAMES))))
    assert not late[:3].any() and late[3:].any(axis=1).all()


def test_no_segment_depends_on_later_frames(tmp_path: Path) -> None:
    second = SegmentTime(1.0, 4.0)
    whole = features(decode(write_frames(tmp_path / "whole", range(FRAMES)), time=second))
    cut = features(decode(write_frames(tmp_path / "cut", range(FRAMES), count=12), time=second))
    assert Fraction(12, 4) == 3 and cut[:3].tobytes() == whole[:3].tobytes()
    gone = features(decode(write_frames(tmp_path / "gone", range(12)), time=second))
    assert gone[:3].tobytes() == whole[:3].tobytes()


def test_the_backbone_takes_videos_and_says_which_networks_it_has() -> None:
    entry, own = find_backbone("blazepose:lite"), backbone("blazepose:lite")
    assert entry.input == own.files == "video" and own.input == "skeleton" and own.joints == 33
    assert own.poses is not None and own.poses.persons == 1
    poses = own.settings["poses"]
    assert isinstance(poses, dict) and poses["model"] == "blazepose-lite" and len(poses["landmarks_sha256"]) == 64
    assert own.settings["licence"] == "Apache-2.0"
    assert entry.names("blazepose:NAME") == ["blazepose:lite", "blazepose:full", "blazepose:heavy"]


def test_other_weights_and_other_models_are_refused() -> None:
    with pytest.raises(UserError, match="the weights of blazepose:full are called 'mediapipe', not 'random'"):
        backbone(weights="random")
    with pytest.raises(UserError, match="pose model"):
        backbone("blazepose:tiny")
