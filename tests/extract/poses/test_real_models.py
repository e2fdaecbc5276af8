"""The real networks, where they are on this machine: real persons are found, whatever follows in the video."""

import os
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from extract.decoding.decode import every_frame
from extract.poses.networks import BlazePose
from extract.poses.packages import model_files
from extract.poses.video import poses_of_frames

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("EARLY_DATA") or ROOT.parent / "shared" / "data")
CLIP = DATA / "ucf101_six" / "PlayingPiano" / "v_PlayingPiano_g03_c01.avi"


@pytest.fixture(scope="module")
def networks() -> BlazePose:
    if find_spec("openvino") is None:
        pytest.skip("the package openvino is not installed")
    try:
        return BlazePose(*model_files("lite"))
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    if not CLIP.exists():
        pytest.skip(f"{CLIP} is not there; EARLY_DATA names the folder of the data")
    return list(islice(every_frame(CLIP), 6))


def test_a_player_is_found_and_no_frame_depends_on_later_ones(networks: BlazePose, frames: list[np.ndarray]) -> None:
    poses = np.stack(list(poses_of_frames(frames, networks, 1, "image")))[:, 0]
    assert poses.shape == (6, 33, 4) and np.isfinite(poses).all()
    assert (poses[:, 11, 1] < poses[:, 23, 1]).all()  # a shoulder is above the hip
    assert ((poses[..., 3] >= 0) & (poses[..., 3] <= 1)).all()
    cut = np.stack(list(poses_of_frames(frames[:3], networks, 1, "image")))[:, 0]
    assert cut.tobytes() == poses[:3].tobytes()


def test_the_world_is_in_metres_from_the_hips(networks: BlazePose, frames: list[np.ndarray]) -> None:
    (pose,) = poses_of_frames(frames[:1], networks, 1, "world")
    joints = pose[0, :, :3]
    np.testing.assert_allclose((joints[23] + joints[24]) / 2, 0, atol=0.03)
    assert 0.3 < np.linalg.norm(joints[11] - joints[23]) < 0.8  # of a trunk
