import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from extract.api import load_features
from extract.cache import Cache, read_cache
from extract.extraction import Extraction, RunControl
from extract.machine import Machine
from extract.run import extract, resume
from extract.segments import segment_bounds
from extract.shards.ledger import LedgerRow
from extract.shards.verify import verify_cache
from extract.skeletons.synthetic_skeleton import write_synthetic_skeleton
from manifests.manifest import COLUMNS, Manifest, write_manifest
from manifests.recipes.extraction import Extract

pytestmark = pytest.mark.usefixtures("one_thread")

JOINTS = Extract(backbone="joints", weights="none", frames_per_segment=3)
STATISTICS = Extract(backbone="joint_statistics", weights="none")
TWO_PERSONS = Extract(backbone="two_person_statistics", weights="none")
VA_CNN = Extract(backbone="va_cnn", weights="random", image_size=40, pictures="both")  # the paper's network, untrained


def run(folder: Path, out: Path, recipe: Extract = JOINTS, workers: int = 1) -> dict[str, LedgerRow]:
    return extract(Extraction(folder / "clips.csv", folder, out, recipe, Machine(device="cpu", workers=workers)))


def made(folder: Path, out: Path, recipe: Extract = JOINTS) -> Cache:
    assert not run(folder, out, recipe)
    return read_cache(out)


def ntu_folder(folder: Path, lengths: list[int]) -> Path:
    """A folder with clips.csv and NTU files with these numbers of frames."""
    folder.mkdir(exist_ok=True)
    rows = []
    for index, frames in enumerate(lengths):
        write_synthetic_skeleton(folder / f"s{index}.skeleton", frames, seed=index)
        split = "test" if index else "train"
        rows.append((f"s{index}", f"s{index}.skeleton", 0, "any", f"{index}", split, "made-up"))
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), ("any",)), folder / "clips.csv")
    return folder


def test_coordinates_and_their_differences_are_features(skeletons: Path, tmp_path: Path) -> None:
    cache = made(skeletons, tmp_path / "f.h5")
    assert cache.features.shape == (20, 10, 5 * 60)
    joints = np.load(skeletons / "s7.npy")  # 27 frames
    joints = joints - joints[0, 1]
    start, end = segment_bounds(27, 10)[4]
    moments = np.stack([joints[start + (end - start) * (2 * i + 1) // 6] for i in range(3)])
    expected = np.concatenate([moments.ravel(), np.diff(moments, axis=0).ravel()])
    assert np.array_equal(cache.features[7, 4], expected)


def test_the_same_bytes_with_any_number_of_workers_and_after_an_interruption(skeletons: Path, tmp_path: Path) -> None:
    run(skeletons, tmp_path / "one.h5")
    run(skeletons, tmp_path / "three.h5", workers=3)

    def interrupt(finished: int, total: int) -> None:
        if finished == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        machine = Machine(device="cpu", workers=2)
        extract(
            Extraction(skeletons / "clips.csv", skeletons, tmp_path / "twice.h5", JOINTS, machine),
            RunControl(progress=interrupt),
        )
    run(skeletons, tmp_path / "twice.h5")
    whole = (tmp_path / "one.h5").read_bytes()
    assert (tmp_path / "three.h5").read_bytes() == whole and (tmp_path / "twice.h5").read_bytes() == whole


@pytest.mark.parametrize("recipe", [JOINTS, STATISTICS, TWO_PERSONS, VA_CNN], ids=lambda recipe: recipe.backbone)
def test_features_do_not_depend_on_the_future(recipe: Extract, tmp_path: Path) -> None:
    """A recording with another end, through files, workers and network: the bits before the change stay the same."""
    here, there = (ntu_folder(tmp_path / name, [60, 47]) for name in ("here", "there"))
    for index, frames in enumerate([60, 47]):
        path = there / f"s{index}.skeleton"
        lines = path.read_text().splitlines(keepends=True)
        change = 1 + 28 * (frames * 6 // 10)  # a body with its 25 joints takes 28 lines a frame
        path.write_text("".join(lines[:change] + [line.replace("3.", "2.") for line in lines[change:]]))
    a, b = (made(folder, tmp_path / f"{folder.name}.h5", recipe).features for folder in (here, there))
    assert np.array_equal(a[:, :6], b[:, :6])
    assert not np.array_equal(a[0, 6:], b[0, 6:]) and not np.array_equal(a[1, 6:], b[1, 6:])


def test_what_cannot_be_read_is_in_the_ledger_with_the_line_and_can_be_mended(tmp_path: Path) -> None:
    folder = ntu_folder(tmp_path / "ntu", [12, 15, 18, 21, 24])
    good = (folder / "s1.skeleton").read_bytes()
    (folder / "s0.skeleton").unlink()
    (folder / "s1.skeleton").write_bytes(good[: len(good) // 2])
    (folder / "s2.skeleton").write_text((folder / "s2.skeleton").read_text().replace("3.", "x.", 1))
    (folder / "s3.skeleton").write_text((folder / "s3.skeleton").read_text().replace("\n25\n", "\n24\n", 1))
    failures = run(folder, tmp_path / "f.h5")
    assert failures.keys() == {"s0", "s1", "s2", "s3"}
    assert "does not exist" in failures["s0"].reason
    assert all("line" in failures[clip].reason for clip in ("s1", "s2", "s3")), failures
    cache = read_cache(tmp_path / "f.h5")
    assert cache.valid.tolist() == [False] * 4 + [True]
    ntu_folder(folder, [12, 15, 18, 21, 24])
    assert not resume(tmp_path / "f.h5", control=RunControl(retry=True))
    assert read_cache(tmp_path / "f.h5").valid.all()


def test_a_column_of_the_manifest_is_chosen(skeletons: Path, tmp_path: Path) -> None:
    table = pd.read_csv(skeletons / "clips.csv")
    table["path_skeleton"] = table["path"]
    table["path"] = [f"{clip}.avi" for clip in table["clip_id"]]
    (skeletons / "both").mkdir()
    write_manifest(Manifest(table, ("raise", "lower")), skeletons / "streams.csv")
    machine = Machine(device="cpu", workers=1)
    recipe = JOINTS.model_copy(update={"column": "path_skeleton"})
    extract(Extraction(skeletons / "streams.csv", skeletons, tmp_path / "streams.h5", recipe, machine))
    assert np.array_equal(read_cache(tmp_path / "streams.h5").features, made(skeletons, tmp_path / "p.h5").features)
    with pytest.raises(UserError, match="path_depth"):
        wrong = JOINTS.model_copy(update={"column": "path_depth"})
        extract(Extraction(skeletons / "streams.csv", skeletons, tmp_path / "x.h5", wrong, machine))


def test_untrained_weights_say_so_and_train_is_refused(skeletons: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train-vacnn"):
        run(skeletons, tmp_path / "f.h5", Extract(backbone="va_cnn", weights="train"))
    folder = ntu_folder(tmp_path / "ntu", [30, 30])
    assert made(folder, tmp_path / "r.h5", VA_CNN).settings["weights"] == "random"


def test_the_real_ntu_files_become_features(early_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ntu"
    folder.mkdir()
    files = sorted((early_data / "ntu60").glob("*.skeleton"))
    rows = []
    for index, path in enumerate(files):
        shutil.copy(path, folder)
        split = "test" if index else "train"
        rows.append((path.stem, path.name, 0, "any", f"{index}", split, "ntu60-xsub-subset"))
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), ("any",)), folder / "clips.csv")
    cache = made(folder, tmp_path / "f.h5", VA_CNN)
    assert cache.features.shape == (4, 10, 4096) and np.isfinite(cache.features).all()
    assert cache.num_frames.tolist() == [103, 82, 74, 100]
    assert len({features.tobytes() for features in cache.features.reshape(40, -1)}) == 40


def test_real_utd_mhad_files_become_features(early_data: Path, tmp_path: Path) -> None:
    files = sorted((early_data / "utd_mhad" / "skeleton").glob("a1_s*_t1_*.mat"))
    rows = [
        (path.stem, path.name, 0, "any", f"{index}", "test" if index else "train", "made-up")
        for index, path in enumerate(files)
    ]
    for path in files:
        shutil.copy(path, tmp_path)
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), ("any",)), tmp_path / "clips.csv")
    cache = made(tmp_path, tmp_path / "f.h5")
    assert cache.features.shape == (8, 10, 300) and cache.valid.all()
    spine = cache.features[:, 0, 6:9]  # the first moment of joint 2
    assert np.abs(spine).max() < 0.1, "the origin is the spine of the first frame"


TIMED = Extract(backbone="joints", weights="none", frames_per_segment=3, segments=6, segment_seconds=0.3, frame_rate=30)


def test_segments_of_a_fixed_time_are_the_same_for_any_shards_and_workers(tmp_path: Path) -> None:
    folder = ntu_folder(tmp_path / "files", [9, 13, 22, 30, 200, 4])
    cache = made(folder, tmp_path / "one.h5", TIMED)
    assert cache.num_segments is not None and cache.num_segments.tolist() == [1, 1, 2, 3, 6, 1]
    assert cache.features.shape[:2] == (6, 6)
    for features, own in zip(cache.features, cache.num_segments, strict=True):
        assert features[:own].any(1).all() and not features[own:].any()
    settings = cache.settings
    assert (settings["segment_seconds"], settings["frame_rate"], settings["segments"]) == (0.3, 30.0, 6)
    assert "fixed time" in settings["segment_rule"]
    # segment n is a part of the first n · 9 frames, whatever follows
    equal = made(folder, tmp_path / "equal.h5", JOINTS.model_copy(update={"segments": 1}))
    assert np.array_equal(cache.features[0, 0], equal.features[0, 0])
    assert equal.num_segments is None and "segment_seconds" not in equal.settings
    machine = Machine(device="cpu", workers=2)
    assert not extract(Extraction(folder / "clips.csv", folder, tmp_path / "many.h5", TIMED, machine, num_shards=3))
    assert (tmp_path / "many.h5").read_bytes() == (tmp_path / "one.h5").read_bytes()
    assert verify_cache(tmp_path / "many.h5").problems() == []
    (tmp_path / "many.h5").unlink()
    assert not resume(tmp_path / "many.h5")
    assert (tmp_path / "many.h5").read_bytes() == (tmp_path / "one.h5").read_bytes()
    loaded, frame = load_features(tmp_path / "one.h5"), load_features(tmp_path / "one.h5", "pandas")
    assert loaded.num_segments is not None and loaded.num_segments.tolist() == [1, 1, 2, 3, 6, 1]
    assert frame.groupby("clip_id").size().reindex(loaded.clip_ids).tolist() == [1, 1, 2, 3, 6, 1]


def test_a_clip_that_fails_has_no_segments(tmp_path: Path) -> None:
    folder = ntu_folder(tmp_path / "files", [30, 23])
    (folder / "s1.skeleton").write_text("nothing")
    assert list(run(folder, tmp_path / "f.h5", TIMED)) == ["s1"]
    cache = read_cache(tmp_path / "f.h5")
    assert cache.num_segments is not None and cache.num_segments.tolist() == [3, 0]


def test_skeletons_need_a_frame_rate(tmp_path: Path) -> None:
    folder = ntu_folder(tmp_path / "files", [30, 20])
    with pytest.raises(UserError, match="needs the key frame_rate"):
        run(folder, tmp_path / "f.h5", TIMED.model_copy(update={"frame_rate": None}))
