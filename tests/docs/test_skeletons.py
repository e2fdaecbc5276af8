"""The page about skeleton files: its examples are read, and its scripts convert real files without a changed byte."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import extract
from extract.skeletons.joint_list_file import read_joint_list
from extract.skeletons.readers import read_skeleton

PAGE = (Path(__file__).parent.parent.parent / "docs" / "skeletons.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_the_example_of_a_list_and_of_a_table(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    (tmp_path / "joints.toml").write_text(example)
    joint_list = read_joint_list(tmp_path / "joints.toml")
    assert joint_list.names[joint_list.centre] == "spine"
    (table,) = blocks("csv")
    others = [f"0,a,{name},1,2,3\n" for name in joint_list.names if f",{name}," not in table]
    (tmp_path / "a.skeleton.csv").write_text(table + "".join(others))
    assert read_skeleton(tmp_path / "a.skeleton.csv", joint_list).joints.shape == (1, 1, 5, 3)


@pytest.mark.usefixtures("one_thread")
def test_the_scripts_convert_real_files(early_data: Path, tmp_path: Path) -> None:
    originals = tmp_path / "utd_mhad" / "skeleton"
    originals.mkdir(parents=True)
    for path in sorted((early_data / "utd_mhad" / "skeleton").glob("a27_s1_t*.mat"))[:2]:
        (originals / path.name).symlink_to(path)
    arrays, tables, one_file = blocks("python")
    # The second script is about the last file of the first one.
    subprocess.run([sys.executable, "-c", arrays + tables], cwd=tmp_path, check=True)
    assert "extract_video" in one_file

    def features(path: Path) -> np.ndarray:
        return extract.extract_video(path, backbone="joints", device="cpu")

    last = sorted(originals.iterdir())[-1]
    expected = features(last)
    for suffix in (".npy", ".skeleton.csv"):
        assert features(tmp_path / "skeletons" / f"{last.stem}{suffix}").tobytes() == expected.tobytes()
