"""Files of a data set, found by their names at any depth: a folder that cannot be read is reported."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import UserError
from manifests.datasets import ucf101
from manifests.datasets.clip_files import all_below, find_clips


def test_all_below(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/b/x.avi", "a/y.avi", "z.avi"):
        (tmp_path / name).touch()
    (tmp_path / "circle").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in all_below(tmp_path)]
    assert found == ["a", "a/b", "a/b/x.avi", "a/y.avi", "circle", "z.avi"]


@pytest.mark.parametrize(
    "find", [lambda folder: find_clips(folder, "(x)"), lambda folder: ucf101.build(folder, "ucf101-split1")]
)
def test_a_folder_that_may_not_be_read_is_named(
    find: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    scandir = os.scandir

    def refusing(folder: str) -> object:  # root may read everything
        if str(folder).endswith("/b"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(UserError, match=f"cannot read {tmp_path}/a/b: Permission denied; look at its owner and mode"):
        find(tmp_path)
