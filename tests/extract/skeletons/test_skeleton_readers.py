"""The choice of a skeleton file's reader."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from extract.clip import DecodeError
from extract.skeletons.readers import READERS, read_skeleton
from manifests.file_kinds import SKELETON_SUFFIXES

POINTS = np.random.default_rng(0).normal(size=(5, 20, 3)).astype(np.float32)


def test_every_suffix_of_skeletons_has_a_reader() -> None:
    assert {Path(f"a{suffix}").suffix for suffix in SKELETON_SUFFIXES} == READERS.keys()


def test_the_reader_is_chosen_by_the_suffix(tmp_path: Path) -> None:
    np.save(tmp_path / "clip.npy", POINTS)
    numbers = [f"{t},{j},{x!r},{y!r},{z!r}" for t in range(5) for j, (x, y, z) in enumerate(POINTS[t].tolist())]
    (tmp_path / "clip.csv").write_text("\n".join(["frame,joint,x,y,z", *numbers]))
    scipy.io.savemat(tmp_path / "clip.mat", {"SW": POINTS.transpose(1, 2, 0)})
    joint = "0.5 1.5 2.5 0 0 0 0 0 0 0 0 2\n"
    (tmp_path / "clip.skeleton").write_text("1\n1\n1 0 0 0 0 0 0 0 0 2\n25\n" + 25 * joint)
    (tmp_path / "CLIP.SKELETON").write_text("1\n1\n1 0 0 0 0 0 0 0 0 2\n25\n" + 25 * joint)
    assert np.array_equal(read_skeleton(tmp_path / "clip.npy").joints, POINTS[:, None])
    assert np.array_equal(read_skeleton(tmp_path / "clip.csv").joints, POINTS[:, None])
    assert np.array_equal(read_skeleton(tmp_path / "clip.mat").joints, POINTS[:, None])
    assert read_skeleton(tmp_path / "clip.skeleton").joints.shape == (1, 1, 25, 3)
    assert read_skeleton(tmp_path / "CLIP.SKELETON").joints.shape == (1, 1, 25, 3)
    for name in ("clip.avi", "clip"):
        with pytest.raises(
            DecodeError, match=r"no skeleton file: it ends in '(.avi|nothing)', not in .skeleton, .mat, .npy, .csv"
        ):
            read_skeleton(tmp_path / name)


def test_the_readers_start_fast() -> None:
    code = "import sys, extract.skeletons.readers; print(*{name.split('.')[0] for name in sys.modules})"
    command = [sys.executable, "-W", "error", "-c", code]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert "numpy" in loaded
    assert not loaded & {"torch", "scipy", "h5py", "pandas", "av"}
