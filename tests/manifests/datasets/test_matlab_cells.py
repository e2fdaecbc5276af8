"""Values of MATLAB files: what is read, and a process that ends is a sentence about the file."""

import subprocess
from pathlib import Path

import pytest
from scipy.io import savemat

from common.errors import UserError
from manifests.datasets import matlab_cells
from manifests.datasets.matlab_cells import read_matlab_cells


def test_values_are_texts_in_the_order_of_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savemat(tmp_path / "a.mat", {"train": -1, "action": "bowl", "x": [[1.5, 2]]})
    savemat(tmp_path / "ü b.mat", {"train": 1, "action": "squat"})
    monkeypatch.chdir(tmp_path)  # nothing is imported from the folder where a command is typed
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    assert read_matlab_cells([Path("a.mat"), Path("ü b.mat")], ["action", "train"]) == [["bowl", "-1"], ["squat", "1"]]
    assert read_matlab_cells([], ["action"]) == []


def test_a_process_that_ends_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.CompletedProcess([], -11, '["bowl"]\n', "")
    monkeypatch.setattr(matlab_cells.subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(UserError, match=r"b\.mat is damaged: the process that reads it ended; get it again"):
        read_matlab_cells([tmp_path / "a.mat", tmp_path / "b.mat"], ["action"])
