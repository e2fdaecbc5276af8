"""Joints over frames: at their places, grey where they are hidden, and in the right frames of a clip."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluate.report import draw_poses as drawing
from evaluate.report.draw_poses import BONES, draw_poses
from evaluate.report.key_frames import key_frames
from extract.clip import Clip
from extract.decoding.decode_process import DecodeTask
from extract.decoding.synthetic_clip import write_numbered_clip
from extract.poses.joint_names import JOINT_NAMES
from extract.poses.settings import PoseSettings

SETTINGS = PoseSettings("detector", "landmarks", 1, "world")
BLUE, GREY = (0x56, 0xB4, 0xE9), (0x99, 0x99, 0x99)


def standing(x: float, hidden: tuple[int, ...] = ()) -> np.ndarray:
    """All joints on one vertical line, each 4 pixels below the one before it."""
    pose = np.stack([np.full(33, x), 10.0 + 4 * np.arange(33), np.zeros(33), np.ones(33)], axis=1)
    pose[list(hidden), 3] = 0.1
    return pose[None].astype(np.float32)


def test_bones_connect_both_sides_alike() -> None:
    named = {frozenset((JOINT_NAMES[start], JOINT_NAMES[end])) for start, end in BONES}
    other = {"left": "right", "right": "left"}

    def mirrored(name: str) -> str:
        side, _, part = name.partition("_")
        return (
            f"{other[side]}_{part}"
            if side in other
            else {"mouth_left": "mouth_right", "mouth_right": "mouth_left"}.get(name, name)
        )

    assert {frozenset(map(mirrored, bone)) for bone in named} == named and len(named) == len(BONES)


def test_joints_are_at_their_places_and_hidden_ones_are_grey() -> None:
    frame = np.zeros((160, 100, 3), np.uint8)
    drawn = draw_poses(frame, standing(50, hidden=tuple(range(25, 33))))
    rows, columns = np.nonzero(drawn.any(axis=2))
    assert frame.sum() == 0 and abs(int(columns.mean()) - 50) <= 1 and columns.min() >= 48 and columns.max() <= 52
    assert 8 <= rows.min() <= 10 and rows.max() >= 136
    colours = {tuple(colour) for colour in drawn.reshape(-1, 3).tolist()}
    assert BLUE in colours and GREY in colours and (255, 255, 255) in colours


def test_who_is_not_seen_is_not_drawn() -> None:
    frame = np.full((160, 100, 3), 7, np.uint8)
    np.testing.assert_array_equal(draw_poses(frame, np.full((2, 33, 4), np.nan, np.float32)), frame)
    two = draw_poses(frame, np.concatenate([standing(20), standing(80)]))
    assert (two[:, :50] != 7).any() and (two[:, 50:] != 7).any()


def test_each_picture_has_the_joints_of_its_own_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[DecodeTask] = []

    def decode_all(tasks: list[DecodeTask], **how: object) -> list[tuple[str, Clip]]:
        asked.extend(tasks)
        poses = np.stack([standing(number) for number in range(80)])  # in frame t the person stands at x = t
        return [(task.clip_id, Clip(poses, np.zeros(0, np.int64), 80)) for task in tasks]

    monkeypatch.setattr(drawing, "decode_all", decode_all)
    write_numbered_clip(tmp_path / "a.avi", 80, (160, 160))
    plain = key_frames({"a": "a.avi"}, tmp_path, 10, [2, 6, 10])["a"]
    with_joints = key_frames({"a": "a.avi"}, tmp_path, 10, [2, 6, 10], poses=SETTINGS)["a"]
    assert [(task.num_segments, task.poses and task.poses.coordinates) for task in asked] == [(0, "image")]
    for number, one, other in zip((15, 47, 79), plain.pictures, with_joints.pictures, strict=True):
        changed = np.abs(pixels(one) - pixels(other)).max(axis=2) > 100
        assert abs(np.nonzero(changed)[1].mean() - number) < 3


def pixels(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))).astype(int)
