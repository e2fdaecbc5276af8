"""Skeletons of any joints and persons through files, workers and networks: features, settings and refusals."""

import csv
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io

import extract as extract_package
from common.errors import UserError
from extract.cache import Cache, read_cache
from extract.extraction import Extraction
from extract.machine import Machine
from extract.planning import plan_run
from extract.run import extract, resume
from extract.va_cnn.run_folder import VaCnnData, train_va_cnn
from manifests.manifest import COLUMNS, Manifest
from manifests.recipes.extraction import Extract, VaCnn

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = Machine(device="cpu", workers=1)
STATISTICS = Extract(backbone="joint_statistics", weights="none")
JOINTS = Extract(backbone="joints", weights="none", frames_per_segment=3)
VA_CNN = Extract(backbone="va_cnn", weights="random", image_size=40, pictures="both")
UTD_NAMES = (
    *("head", "shoulder_center", "spine", "hip_center"),
    *(f"left_{part}" for part in ("shoulder", "elbow", "wrist", "hand")),
    *(f"right_{part}" for part in ("shoulder", "elbow", "wrist", "hand")),
    *(f"left_{part}" for part in ("hip", "knee", "ankle", "foot")),
    *(f"right_{part}" for part in ("hip", "knee", "ankle", "foot")),
)


def write_list(folder: Path, names: tuple[str, ...], centre: str, more: str = "") -> None:
    quoted = ", ".join(f'"{name}"' for name in names)
    (folder / "joints.toml").write_text(f'names = [{quoted}]\ncentre = "{centre}"\n{more}')


def letters(joints: int) -> tuple[str, ...]:
    return tuple(chr(ord("a") + number) for number in range(joints))


def moving(frames: int, persons: int, joints: int, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return chance.normal(size=(1, persons, joints, 3)) + 0.05 * chance.normal(size=(frames, persons, joints, 3)).cumsum(
        0
    )


def write_rows(path: Path, points: np.ndarray, names: tuple[str, ...]) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["frame", "person", "joint", "x", "y", "z"])
        for frame, person, joint in np.ndindex(points.shape[:3]):
            if not np.isnan(points[frame, person]).any():
                table.writerow([frame, person, names[joint], *map(repr, points[frame, person, joint].tolist())])


def made(folder: Path, out: Path, config: Extract = STATISTICS) -> Cache:
    assert not extract(Extraction(folder, None, out, config, CPU))
    return read_cache(out)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips of five joints and two persons, with a joint list in the folder above them."""
    (tmp_path / "set" / "walk").mkdir(parents=True)
    for number in range(3):
        np.save(tmp_path / "set" / "walk" / f"{number}.npy", moving(20 + number, 2, 5, number))
    write_list(tmp_path / "set", letters(5), "c")
    return tmp_path / "set"


@pytest.mark.parametrize("centre", ["spine", "hip_center"])
def test_real_files_have_the_same_features_in_every_format(early_data: Path, tmp_path: Path, centre: str) -> None:
    """UTD-MHAD's MATLAB files, converted to arrays, in float32 and float64, and to tables."""
    folders = {name: tmp_path / name for name in ("mat", "npy", "double", "csv")}
    for folder in folders.values():
        folder.mkdir()
        write_list(folder, UTD_NAMES, centre)
    for path in sorted((early_data / "utd_mhad" / "skeleton").glob("a1_s*_t1_*.mat"))[:4]:
        points = scipy.io.loadmat(path)["d_skel"].transpose(2, 0, 1)
        (folders["mat"] / path.name).symlink_to(path)
        np.save(folders["npy"] / f"{path.stem}.npy", points.astype(np.float32))
        np.save(folders["double"] / f"{path.stem}.npy", points[:, None])
        write_rows(folders["csv"] / f"{path.stem}.skeleton.csv", points[:, None].astype(np.float32), UTD_NAMES)
    for config in (STATISTICS, JOINTS):
        caches = {
            name: made(folder, tmp_path / f"{name}-{config.backbone}.h5", config) for name, folder in folders.items()
        }
        same = centre == "spine"  # as in those files; another origin gives other rounding, even of differences
        for name in ("npy", "double", "csv"):
            assert caches[name].clip_id == caches["mat"].clip_id and caches[name].valid.all()
            assert (caches[name].features.tobytes() == caches["mat"].features.tobytes()) == same, name
            assert caches[name].settings["centre"] == centre
        assert "centre" not in caches["mat"].settings


DIMENSIONS: dict[str, Callable[[int], int]] = {
    "joints": lambda joints: 5 * 3 * joints,
    "joint_statistics": lambda joints: 9 * joints,
    "va_cnn": lambda joints: 4096,
}


@pytest.mark.parametrize("config", [JOINTS, STATISTICS, VA_CNN], ids=lambda config: config.backbone)
@pytest.mark.parametrize(("joints", "persons"), [(2, 1), (15, 2), (33, 5)])
def test_every_backbone_takes_any_joints_and_persons(
    tmp_path: Path, config: Extract, joints: int, persons: int
) -> None:
    (tmp_path / "set").mkdir()
    names = tuple(f"joint {number}" for number in range(joints))
    np.save(tmp_path / "set" / "a.npy", moving(23, persons, joints))
    write_list(tmp_path / "set", names, "joint 1")
    features = made(tmp_path / "set", tmp_path / "f.h5", config).features
    assert features.shape == (1, 10, DIMENSIONS[config.backbone](joints)) and np.isfinite(features).all()


def test_the_first_two_persons_by_motion_count(tmp_path: Path, folder: Path) -> None:
    """A third person with less motion changes nothing, and `joint_statistics` has the main actor alone."""
    points = np.load(folder / "walk" / "0.npy")
    still = points[:, :1] * 0.01 + 5
    for name, persons in {"two": points, "three": np.concatenate([still, points], 1), "one": points[:, :1]}.items():
        (folder / "walk" / "0.npy").unlink(missing_ok=True)
        np.save(folder / "walk" / "0.npy", persons)
        for config in (STATISTICS, VA_CNN):
            made(folder, tmp_path / f"{name}-{config.backbone}.h5", config)
    cache = {path.stem: read_cache(path).features[0] for path in tmp_path.glob("*.h5")}
    assert np.array_equal(cache["two-va_cnn"], cache["three-va_cnn"])
    assert not np.array_equal(cache["two-va_cnn"], cache["one-va_cnn"])
    assert np.array_equal(cache["two-joint_statistics"], cache["three-joint_statistics"])


@pytest.mark.parametrize("config", [JOINTS, STATISTICS, VA_CNN], ids=lambda config: config.backbone)
def test_features_do_not_depend_on_the_future(tmp_path: Path, folder: Path, config: Extract) -> None:
    before = made(folder, tmp_path / "before.h5", config).features
    points = np.load(folder / "walk" / "0.npy")
    points[12:, 1] *= 9  # segments 1 to 6 of 20 frames end before; the second person then moves most
    np.save(folder / "walk" / "0.npy", points)
    after = made(folder, tmp_path / "after.h5", config).features
    assert np.array_equal(before[0, :6], after[0, :6]) and not np.array_equal(before[0, 6:], after[0, 6:])


def test_the_joint_list_decides_and_is_a_setting(tmp_path: Path, folder: Path) -> None:
    cache = made(folder, tmp_path / "f.h5", JOINTS)
    assert (cache.settings["joints"], cache.settings["centre"]) == (["a", "b", "c", "d", "e"], "c")
    again = (folder / "joints.toml").read_text() + "# a comment changes nothing\n"
    (folder / "joints.toml").write_text(again)
    assert made(folder, tmp_path / "f.h5", JOINTS).content_sha256 == cache.content_sha256
    write_list(folder, letters(5), "d")
    with pytest.raises(UserError, match=r"begun with other settings \(centre: 'c' there, 'd' now\)"):
        made(folder, tmp_path / "f.h5", JOINTS)
    with pytest.raises(UserError, match=r"centre: 'c' there, 'd' now"):
        np.save(folder / "more.npy", moving(20, 1, 5))
        extract(Extraction(folder, None, tmp_path / "f.h5", JOINTS, CPU))
    (folder / "more.npy").unlink()
    assert not np.array_equal(made(folder, tmp_path / "other.h5", JOINTS).features, cache.features)
    (folder / "joints.toml").unlink()
    with pytest.raises(UserError, match=r"joints: \['a', .* there, None now"):
        made(folder, tmp_path / "f.h5", JOINTS)


def test_a_cache_without_a_list_has_no_new_settings(tmp_path: Path, drawn_skeletons: Path) -> None:
    settings = read_cache_of(drawn_skeletons, tmp_path / "f.h5").settings
    assert not {"joints", "centre", "unit", "zeros_mean_unseen", "joint_list"} & settings.keys()


def read_cache_of(folder: Path, out: Path) -> Cache:
    assert not extract(Extraction(folder / "clips.csv", folder, out, STATISTICS, CPU))
    return read_cache(out)


def test_files_that_differ_are_named(tmp_path: Path, folder: Path) -> None:
    np.save(folder / "other.npy", moving(20, 1, 4))
    failures = extract(Extraction(folder, None, tmp_path / "f.h5", STATISTICS, CPU))
    assert {clip: row.reason for clip, row in failures.items()} == {
        "other": "the array has 4 joints, and joints.toml has 5 names"
    }
    np.save(folder / "other.npy", moving(20, 1, 5))
    (folder / "joints.toml").unlink()
    with pytest.raises(UserError, match="every one of the 4 clips failed: .* without a joint list only 20"):
        extract(Extraction(folder, None, tmp_path / "g.h5", STATISTICS, CPU))


@pytest.mark.parametrize("config", [STATISTICS, VA_CNN], ids=lambda config: config.backbone)
def test_sets_without_a_list_have_the_same_joints_too(tmp_path: Path, config: Extract) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for number, joints in enumerate([20, 20, 25, 20]):
        np.save(folder / f"{number}.npy", moving(20, 1, joints))
    failures = extract(Extraction(folder, None, tmp_path / "f.h5", config, CPU))
    assert {clip: row.reason for clip, row in failures.items()} == {
        "2": "it has 25 joints, and 0 20; all files of a set have the same joints"
    }


def test_a_shard_with_other_joints_is_named_where_shards_are_merged(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(12):
        np.save(folder / f"{number:02}.npy", moving(20, 1, 20))
    extraction = Extraction(folder, None, tmp_path / "f.h5", STATISTICS, CPU, num_shards=2)
    plan_run(extraction)
    clips = pd.read_csv(tmp_path / "f.h5.run" / "clips.csv")
    for path in clips["path"][clips["shard"] == 1]:
        np.save(folder / path, moving(20, 1, 25))
    with pytest.raises(UserError, match=r"features of \d+ have the shape .* and those before it .* other joints"):
        extract(extraction)


def test_a_wrong_list_fails_when_a_run_is_planned(tmp_path: Path, folder: Path) -> None:
    write_list(folder, letters(5), "z")
    with pytest.raises(UserError, match="centre 'z' is not one of names"):
        plan_run(Extraction(folder, None, tmp_path / "f.h5", STATISTICS, CPU))
    write_list(folder, letters(5), "c")
    plan_run(Extraction(folder, None, tmp_path / "f.h5", STATISTICS, CPU, num_shards=2))
    assert not resume(tmp_path / "f.h5")
    assert read_cache(tmp_path / "f.h5").settings["centre"] == "c"


def test_the_list_of_archives_is_beside_them(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "shards").mkdir()
    with tarfile.open(tmp_path / "shards" / "a.tar", "w") as tar:
        for path in sorted((folder / "walk").iterdir()):
            tar.add(path, f"walk/{path.name}")
    (folder / "joints.toml").rename(tmp_path / "shards" / "joints.toml")
    assert not extract(Extraction(tmp_path / "shards" / "a.tar", None, tmp_path / "tar.h5", STATISTICS, CPU))
    (tmp_path / "shards" / "joints.toml").rename(folder / "joints.toml")
    assert np.array_equal(read_cache(tmp_path / "tar.h5").features, made(folder, tmp_path / "f.h5").features)


def test_one_file_from_python(tmp_path: Path, folder: Path) -> None:
    cache = made(folder, tmp_path / "f.h5", JOINTS)
    file = folder / "walk" / "1.npy"

    def features(file: Path, **more: Any) -> np.ndarray:
        options: dict[str, Any] = {"backbone": "joints", "frames_per_segment": 3, "device": "cpu"}
        return extract_package.extract_video(file, **options, **more)

    assert np.array_equal(features(file), cache.features[1]), "the list is in a folder above"
    moved = file.rename(tmp_path / "1.npy")
    with pytest.raises(UserError, match="the array has 5 joints; without a joint list only 20"):
        features(moved)
    assert np.array_equal(features(moved, joint_list=folder / "joints.toml"), cache.features[1])


def test_a_va_cnn_takes_only_skeletons_with_its_joint_list(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    splits = ["train"] * 4 + ["validation"] * 2
    rows = []
    for number, split in enumerate(splits):
        np.save(folder / f"{number}.npy", moving(20, 2, 7, number))
        rows.append((f"{number}", f"{number}.npy", number % 2, "ab"[number % 2], f"{number}", split, "made-up"))
    write_list(folder, letters(7), "b")
    manifest = Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), ("a", "b"))
    config = VaCnn(network="resnet18", image_size=40, epochs=1, batch_size=4, samples_per_clip=1)
    weights = train_va_cnn(tmp_path / "vacnn", VaCnnData(manifest, folder, num_segments=4), config, CPU)
    trained = Extract(backbone="va_cnn", weights=str(weights), segments=4)
    assert made(folder, tmp_path / "f.h5", trained).features.shape == (6, 4, 512)
    write_list(folder, letters(7), "c")
    with pytest.raises(UserError, match=r"another joint list \(centre: b there, c here\); train it again"):
        made(folder, tmp_path / "g.h5", trained)
    with pytest.raises(UserError, match="settings"):
        train_va_cnn(tmp_path / "vacnn", VaCnnData(manifest, folder, num_segments=4), config, CPU)
