"""`manifests check` beyond the schema: files listed twice, classes without training clips, groups in two splits."""

import functools
from pathlib import Path

import pandas as pd
import pytest

from common.command_line import run_cli
from manifests.commands.app import app
from manifests.manifest import COLUMNS, Manifest, write_manifest

CLASSES = ("wave", "drink", "jump")


def clips(**columns: list[object]) -> pd.DataFrame:
    """Six clips of two classes in three splits, each with a file and a group of its own."""
    labels = [0, 1, 0, 1, 0, 1]
    table = {
        "clip_id": list("abcdef"),
        "path": [f"{name}.avi" for name in "abcdef"],
        "label": labels,
        "class_name": [CLASSES[label] for label in labels],
        "group": [f"g{number}" for number in range(6)],
        "split": ["train", "train", "validation", "validation", "test", "test"],
        "protocol": ["mine"] * 6,
    }
    return pd.DataFrame({**table, **columns})


def check(folder: Path, *options: object) -> int:
    with pytest.raises(SystemExit) as end:
        run_cli(functools.partial(app, ["check", str(folder / "m.csv"), *map(str, options)]))
    return int(end.value.code or 0)


def written(folder: Path, **columns: list[object]) -> Path:
    write_manifest(Manifest(clips(**columns), CLASSES), folder / "m.csv")
    return folder


def words(text: str) -> str:
    return " ".join(text.split())


def test_what_is_fine_passes_without_a_remark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(clips().columns) == list(COLUMNS)
    assert check(written(tmp_path)) == 0
    printed = capsys.readouterr()
    assert printed.out == "mine: 6 clips (2 train / 2 validation / 2 test), 2 of 3 classes\n" and printed.err == ""


@pytest.mark.parametrize("path", ["a.avi", "./a.avi", ".//a.avi"])
def test_a_file_listed_twice_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str) -> None:
    assert check(written(tmp_path, path=["a.avi", path, *(f"{name}.avi" for name in "cdef")])) == 1
    assert "1 file is listed more than once: a.avi (a and b); keep one clip of each" in words(capsys.readouterr().err)


def test_links_to_one_file_are_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "bcdef":
        (tmp_path / f"{name}.avi").touch()
    (tmp_path / "a.avi").symlink_to("f.avi")
    written(tmp_path)
    assert check(tmp_path) == 0
    assert check(tmp_path, "--videos", tmp_path) == 1
    assert f"{tmp_path.resolve()}/f.avi(aandf)" in "".join(capsys.readouterr().err.split())


def test_a_further_recording_that_clips_share_is_a_remark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As two cameras with one skeleton."""
    shared = ["s.mat", "s.mat", "c.mat", "d.mat", "e.mat", "f.mat"]
    assert check(written(tmp_path, path_skeleton=shared)) == 0
    assert "column path_skeleton: 1 file is listed more than once: s.mat (a and b)" in words(capsys.readouterr().err)


def test_a_class_without_training_clips_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["wave", "wave", "drink", "jump", "wave", "jump"]
    labels: list[object] = [CLASSES.index(name) for name in names]
    assert check(written(tmp_path, class_name=list(names), label=labels)) == 1
    printed = words(capsys.readouterr().err)
    assert (
        "no training clip of 2 of 3 classes: drink, jump; add training clips, or leave out the other clips" in printed
    )


def test_groups_in_two_splits_are_a_remark_with_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(written(tmp_path, group=["x", "x", "x", "y", "z", "y"])) == 0
    printed = capsys.readouterr()
    assert "2 of 3 groups are in more than one split" in words(printed.err)
    assert "x (2 train, 1 validation), y (1 validation, 1 test)" in words(printed.err)
    assert "group" not in printed.out
    assert check(written(tmp_path, group=[""] * 6)) == 0  # nobody printed who it is
    assert capsys.readouterr().err == ""
