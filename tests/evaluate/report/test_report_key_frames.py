"""Key frames: the right frames of videos, skeletons that stand upright, and reasons where there is nothing to show."""

import base64
import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from common.errors import UserError
from evaluate.report.key_frames import BONES, DRAWN, draw_skeletons, key_frames
from extract.decoding.synthetic_clip import read_number, write_numbered_clip
from extract.skeletons.readers import read_skeleton
from manifests.stick_figures.skeleton import JOINTS


def content(address: str, kind: str) -> bytes:
    head, _, rest = address.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(rest, validate=True)


def test_videos_show_the_last_look_into_each_segment(tmp_path: Path) -> None:
    write_numbered_clip(tmp_path / "a.avi", 80, (160, 128))
    found = key_frames({"a": "a.avi"}, tmp_path, 10, [2, 6, 10])["a"]
    assert found.reason == ""
    pictures = [Image.open(io.BytesIO(content(one, "image/jpeg"))) for one in found.pictures]
    assert [picture.size for picture in pictures] == [(160, 128)] * 3
    # Segment n has the frames 8(n - 1) to 8n - 1; of four looks into it the last is at its seventh eighth.
    assert [read_number(np.asarray(picture)) for picture in pictures] == [15, 47, 79]


def test_large_pictures_become_small(tmp_path: Path) -> None:
    write_numbered_clip(tmp_path / "a.avi", 12, (480, 320))
    (address,) = key_frames({"a": "a.avi"}, tmp_path, 10, [10])["a"].pictures
    picture = Image.open(io.BytesIO(content(address, "image/jpeg")))
    assert picture.size == (160, 107)


def test_every_clip_ends_as_pictures_or_as_a_reason(tmp_path: Path) -> None:
    write_numbered_clip(tmp_path / "good.avi", 20, (64, 64))
    (tmp_path / "bad.avi").write_bytes(b"no video")
    (tmp_path / "bad.mat").write_bytes(b"no skeleton")
    (tmp_path / "folder.avi").mkdir()
    paths = {"good": "good.avi", "bad": "bad.avi", "points": "bad.mat", "none": "none.avi", "folder": "folder.avi"}
    found = key_frames(paths, tmp_path, 10, [5, 10])
    assert found.keys() == paths.keys()
    assert {name: len(one.pictures) for name, one in found.items()} == {name: 2 * (name == "good") for name in paths}
    reasons = {name: one.reason for name, one in found.items()}
    assert reasons["good"] == ""
    assert reasons["bad"].startswith("its video cannot be shown: not a video that can be opened")
    assert reasons["points"].startswith("its skeleton cannot be shown: ")
    assert reasons["none"] == "its file is not in the folder of videos"
    assert "without pictures" in reasons["folder"]


@pytest.mark.parametrize("path", ["../a.avi", "/etc/hostname", "sub/../../a.avi"])
def test_no_path_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "videos").mkdir()
    write_numbered_clip(tmp_path / "a.avi", 20, (64, 64))
    with pytest.raises(UserError, match="leads out of"):
        key_frames({"a": path}, tmp_path / "videos", 10, [10])


def standing() -> np.ndarray:
    """(20, 3) metres: joints of Kinect v1 as the stick figures have them, head up, hands out."""
    heights = {"head": 1.7, "shoulder_center": 1.4, "spine": 1.1, "hip_center": 0.9}
    points = np.zeros((len(JOINTS), 3), np.float32)
    for index, name in enumerate(JOINTS):
        side = name.startswith("left_") - name.startswith("right_")
        part = name.partition("_")[2]
        height = {"shoulder": 1.4, "elbow": 1.4, "wrist": 1.4, "hand": 1.4, "hip": 0.9, "knee": 0.5, "ankle": 0.1}
        reach = {"shoulder": 0.2, "elbow": 0.45, "wrist": 0.7, "hand": 0.8}
        points[index] = (side * reach.get(part, 0.1), heights.get(name, height.get(part, 0.02)), 2.0)
    return points


def ends(svg: str) -> np.ndarray:
    """(bones, 2, 2) of the first actor in a drawing."""
    bones = ET.fromstring(svg).findall("{http://www.w3.org/2000/svg}path")[0].get("d")
    assert bones is not None
    return np.array([float(number) for number in re.findall(r"-?[\d.]+", bones)]).reshape(-1, 2, 2)


def test_a_skeleton_stands_upright_inside_its_picture_and_moves_at_one_scale() -> None:
    here = standing()
    moved = here + np.array([0.5, 0, 0])
    first, second = (ends(svg) for svg in draw_skeletons([here[None], moved[None]], centre=1))
    assert len(first) == len(BONES[20, 1]) == 19
    index = {name: JOINTS.index(name) for name in ("head", "left_foot")}
    assert here[index["head"], 1] > here[index["left_foot"], 1]
    tops = first[..., 1].min(), first[..., 1].max()
    head_bone = BONES[20, 1].index((2, 3))
    assert first[head_bone, 1, 1] == tops[0]  # SVG counts downwards
    assert ((first >= 0) & (first <= DRAWN)).all()
    shift = second - first
    np.testing.assert_allclose(shift[..., 1], 0, atol=0.11)
    assert shift[..., 0].min() > 10
    np.testing.assert_allclose(shift[..., 0], shift[0, 0, 0], atol=0.21)


def test_two_actors_differ_in_colour_and_who_is_away_is_not_drawn() -> None:
    both = np.stack([standing(), standing() + np.array([1, 0, 0])])
    away = np.stack([standing(), np.zeros_like(standing())])
    drawn = draw_skeletons([both, away], centre=1)
    assert [len(ET.fromstring(svg)) for svg in drawn] == [4, 2]
    assert "#D55E00" in drawn[0]
    assert "#D55E00" not in drawn[1]


def test_joints_of_an_order_we_do_not_know_are_dots() -> None:
    (svg,) = draw_skeletons([np.ones((1, 7, 3))], centre=0)
    bones, dots = ET.fromstring(svg)
    assert bones.get("d") == ""
    assert str(dots.get("d")).count("M") == 7


KINECT = [shape for shape in BONES if shape[0] < 33]  # in BlazePose no bone connects the face with the shoulders


@pytest.mark.parametrize("shape", KINECT, ids=str)
def test_bones_make_one_body_of_all_joints(shape: tuple[int, int]) -> None:
    joints, _ = shape
    reached = {0}
    for _ in range(joints):
        reached |= {end for bone in BONES[shape] if set(bone) & reached for end in bone}
    assert reached == set(range(joints))
    assert len(BONES[shape]) == joints - 1


UTD_MHAD = ("head", "shoulder_center", "spine", "hip_center", *JOINTS[4:])  # as its authors list them
LIMBS = [
    f"{side}_{part}" for side in ("left", "right") for part in ("shoulder elbow wrist hand", "hip knee ankle foot")
]


@pytest.mark.parametrize(("centre", "order"), [(1, JOINTS), (2, UTD_MHAD)], ids=["hip first", "head first"])
def test_bones_are_those_of_a_person(centre: int, order: tuple[str, ...]) -> None:
    assert order[centre] == "spine"
    expected = {frozenset(pair) for pair in pairwise(("head", "shoulder_center", "spine", "hip_center"))}
    for limb in LIMBS:
        side, _, parts = limb.partition("_")
        joints = [f"{side}_{part}" for part in parts.split()]
        expected |= {frozenset(pair) for pair in pairwise(joints)}
        expected.add(frozenset((joints[0], "shoulder_center" if "shoulder" in parts else "hip_center")))
    assert {frozenset(order[joint] for joint in bone) for bone in BONES[20, centre]} == expected


def test_skeleton_files_are_drawn(tmp_path: Path) -> None:
    motion = np.repeat(standing()[None], 20, axis=0)
    motion[:, 7, 1] += np.linspace(0, 0.6, 20)  # the left hand goes up
    np.save(tmp_path / "a.npy", motion.astype(np.float32))
    found = key_frames({"a": "a.npy"}, tmp_path, 10, [5, 10])["a"]
    early, late = (ends(content(one, "image/svg+xml").decode()) for one in found.pictures)
    hand = BONES[20, 1].index((6, 7))
    assert late[hand, 1, 1] < early[hand, 1, 1] - 5
    np.testing.assert_array_equal(np.delete(late, hand, axis=0), np.delete(early, hand, axis=0))


def test_joints_of_a_list_are_points_without_bones(tmp_path: Path) -> None:
    """Which of the user's own joints are connected is not known, even if there are 20 of them."""
    np.save(tmp_path / "a.npy", np.repeat(standing()[None], 20, axis=0))
    names = [f"joint {number}" for number in range(20)]
    (tmp_path / "joints.toml").write_text(f'names = {names}\ncentre = "joint 1"\n')
    (picture,) = key_frames({"a": "a.npy"}, tmp_path, 10, [10])["a"].pictures
    svg = base64.b64decode(picture.partition(",")[2]).decode()
    assert svg.count("h0") == 20 and "L" not in svg


@pytest.mark.parametrize(("variable", "centre"), [("SW", 1), ("d_skel", 2)])
def test_matlab_files_are_drawn_in_the_order_of_their_joints(tmp_path: Path, variable: str, centre: int) -> None:
    order = JOINTS if variable == "SW" else UTD_MHAD
    person = standing()[[JOINTS.index(name) for name in order]]
    scipy.io.savemat(tmp_path / "a.mat", {variable: np.repeat(person[:, :, None], 20, axis=2)})
    found = key_frames({"a": "a.mat"}, tmp_path, 10, [10])["a"]
    assert found.reason == ""
    (expected,) = draw_skeletons([person[None]], centre)
    np.testing.assert_allclose(ends(content(found.pictures[0], "image/svg+xml").decode()), ends(expected), atol=0.11)


KILLS_ITSELF = """
import os, signal
import extract.skeletons.readers as files
read = files.READERS[".npy"]
def read_or_die(path, joint_list):
    if "crash" in path.name: os.kill(os.getpid(), signal.SIGSEGV)
    return read(path, joint_list)
files.READERS[".npy"] = read_or_die
"""


def test_a_reader_of_skeletons_that_crashes_costs_one_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(KILLS_ITSELF)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("a", "crash", "b"):
        np.save(tmp_path / f"{name}.npy", np.repeat(standing()[None], 20, axis=0).astype(np.float32))
    found = key_frames({name: f"{name}.npy" for name in ("a", "crash", "b")}, tmp_path, 10, [10])
    assert found["crash"].reason == "its skeleton cannot be shown: the decoder crashed (SIGSEGV)"
    assert len(found["a"].pictures) == len(found["b"].pictures) == 1


def test_matlab_files_are_read_in_another_process(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"SW": np.repeat(standing()[:, :, None], 20, axis=2)})
    code = (
        "import sys\nfrom pathlib import Path\nfrom evaluate.report.key_frames import key_frames\n"
        f"found = key_frames({{'a': 'a.mat'}}, Path({str(tmp_path)!r}), 10, [10])\n"
        "print(len(found['a'].pictures), 'scipy.io' in sys.modules)"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["1", "False"]


def test_the_real_order_of_utd_mhad_is_a_body(early_data: Path) -> None:
    """Each bone is about as long as a person's; in a wrong order some would go through the whole body."""
    path = early_data / "utd_mhad" / "skeleton" / "a1_s1_t1_skeleton.mat"
    if not path.is_file():
        pytest.skip(f"no {path}")
    skeleton = read_skeleton(path)
    person = skeleton.joints[0, 0]
    lengths = {bone: float(np.linalg.norm(person[bone[0]] - person[bone[1]])) for bone in BONES[20, skeleton.centre]}
    assert max(lengths.values()) < 0.55, lengths
    assert person[BONES[20, skeleton.centre][0][0], 1] == person[:, 1].max()  # the head
