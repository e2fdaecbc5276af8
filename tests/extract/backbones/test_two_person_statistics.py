"""Statistics of two persons against NumPy; what they leave out (the camera's place) and what they do not look at."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from common.errors import UserError
from extract.api import extract_video
from extract.backbones import load_backbone
from extract.clip import Clip
from extract.networks.segment_network import SegmentNetwork
from extract.segments import segment_bounds
from extract.skeletons.segment_points import observed_points, pack_points
from extract.skeletons.skeleton import Skeleton
from manifests.recipes.extraction import Extract

N = 5
BACKBONE = load_backbone(Extract(backbone="two_person_statistics", weights="none"))
Joints = NDArray[np.float32]  # (T, persons, joints, 3)

pytestmark = pytest.mark.usefixtures("one_thread")


def persons(num_frames: int = 43, count: int = 2, joints: int = 25, seed: int = 0) -> Joints:
    """Bodies that are taller than wide from all sides. The first one is larger and moves more: it is the main actor."""
    chance = np.random.default_rng(seed)
    size = np.array([1, 0.7])[:count, None, None]
    still = size * chance.uniform([-0.2, -0.9, -0.2], [0.2, 0.9, 0.2], (count, joints, 3))
    still[:, 4], still[:, 8] = [-0.2, 0.5, 0.05], [0.2, 0.5, 0.0]  # the shoulders
    places = np.array([[0.1, 0.2, 3.0], [0.9, 0.1, 3.4]])[:count, None]
    moves = 0.015 * size * chance.normal(size=(num_frames, count, joints, 3)).cumsum(axis=0)
    return (still + places + moves).astype(np.float32)


def features(joints: Joints) -> NDArray[np.float32]:
    """The features (N, D) of a recording, as extraction makes them."""
    skeleton = Skeleton(joints, np.full(joints.shape[:3], 2, np.uint8), ("",) * joints.shape[1], 1)
    points, segments = pack_points(observed_points(skeleton, N))
    return SegmentNetwork(BACKBONE, device="cpu")(Clip(points, segments, len(joints)))


def by_hand(joints: Joints) -> NDArray[np.float64]:
    """The same of persons 0 and 1, who are main and second actor, from the definition; NaN: not seen."""
    rows = []
    for start, end in segment_bounds(len(joints), N).tolist():
        main = joints[:end, 0].astype(np.float64)
        across = np.nanmean(main[:, 8] - main[:, 4], axis=0)
        angle = np.arctan2(across[2], across[0])
        axes = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        row = np.zeros((2, 3, joints.shape[2], 3))
        for person in range(joints.shape[1]):
            hips = (main[start:, 12] + main[start:, 16]) / 2
            body = np.einsum("ij,tkj->tki", axes, joints[start:end, person] - hips[:, None])
            body = body[~np.isnan(body[:, 0, 0])]
            if len(body):
                row[person] = body.mean(0), body.std(0), body[-1] - body[0]
        rows.append(row.ravel())
    return np.array(rows)


def turned(joints: Joints, degrees: float) -> Joints:
    """The scene turned about the vertical and moved."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    axes = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return (joints @ axes.T + [0.7, -0.4, 1.1]).astype(np.float32)


@pytest.mark.parametrize("joints", [20, 25])
@pytest.mark.parametrize("count", [1, 2])
def test_against_numpy(count: int, joints: int) -> None:
    recording = persons(count=count, joints=joints)
    found = features(recording)
    assert found.shape == (N, 18 * joints)
    np.testing.assert_allclose(found, by_hand(recording), atol=2e-6)
    assert found[:, 9 * joints :].any() == (count == 2)


def test_who_is_not_seen_for_a_while() -> None:
    recording = persons(150)
    recording[:31, 1] = np.nan  # the second actor comes in the second of five segments
    recording[70:75, 0] = np.nan
    found = features(recording)
    np.testing.assert_allclose(found, by_hand(recording), atol=5e-6)
    assert not found[0, 225:].any() and found[1:, 225:].any(axis=1).all()
    recording[90:120, 0] = np.nan  # the whole fourth segment: the second actor alone is no feature
    assert not features(recording)[3].any()


@pytest.mark.parametrize("degrees", [0, 30, 90, 180, -135])
@pytest.mark.parametrize("count", [1, 2])
def test_the_place_of_the_camera_does_not_matter(count: int, degrees: float) -> None:
    recording = persons(count=count)
    np.testing.assert_allclose(features(turned(recording, degrees)), features(recording), atol=1e-5)


def test_where_the_second_person_is_matters() -> None:
    recording = persons()
    nearer = recording.copy()
    nearer[:, 1, :, 0] -= 0.3
    same, other = features(recording), features(nearer)
    assert np.array_equal(same[:, :225], other[:, :225])
    assert np.abs(same - other)[:, 225:].max() > 0.2


@pytest.mark.parametrize("segment", [1, 2, 4])
def test_no_bit_depends_on_later_frames(segment: int) -> None:
    """The later frames turn the main actor round, and there the second person moves most."""
    recording = persons()
    end = segment_bounds(len(recording), N)[segment - 1, 1]
    changed = recording.copy()
    changed[end:] = turned(changed[end:], 100)
    changed[end:, 1] += 0.5 * np.random.default_rng(1).normal(size=changed[end:, 1].shape)
    before, after = features(recording), features(changed)
    assert before[:segment].tobytes() == after[:segment].tobytes()
    assert not np.array_equal(before[segment:], after[segment:])


def test_nobody_and_shoulders_without_a_direction() -> None:
    recording = persons()
    recording[:12] = np.nan  # nobody in the first segment
    assert not features(recording)[0].any()
    narrow = persons(count=1)
    narrow[:, :, 8] = narrow[:, :, 4] + np.float32([0, 0.1, 0])
    assert np.isfinite(features(narrow)).all()
    few = torch.tensor([[[0, 2, 3, 1]] * 2])  # `watch` asks for the length of a feature with few joints
    assert BACKBONE.draw(torch.ones((6, 3)), few).shape == (1, 1, 18 * 3)


def test_a_joint_list_is_refused_because_its_shoulders_are_not_known(tmp_path: Path) -> None:
    names = [f"joint {number}" for number in range(25)]
    (tmp_path / "joints.toml").write_text(f'names = {names}\ncentre = "joint 1"\n')
    np.save(tmp_path / "a.npy", persons())
    with pytest.raises(UserError, match=r"two_person_statistics takes .* without a joint list"):
        extract_video(tmp_path / "a.npy", backbone="two_person_statistics", joint_list=tmp_path / "joints.toml")
    (tmp_path / "joints.toml").unlink()
    found = extract_video(tmp_path / "a.npy", backbone="two_person_statistics", num_segments=N)
    np.testing.assert_allclose(found, by_hand(persons()), atol=2e-6)
