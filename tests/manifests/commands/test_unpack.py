"""`manifests unpack --json`: what was written, and whether the data set is complete."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from common.errors import UserError
from manifests.commands.app import app
from manifests.datasets import ntu60
from manifests.published import WHOLE


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Six skeletons of NTU RGB+D: four subjects that train (two of them for validation), two that test."""
    with zipfile.ZipFile(tmp_path / "skeletons.zip", "w") as file:
        for subject in (1, 2, 27, 28, 3, 6):
            file.writestr(f"S001C001P{subject:03d}R001A001.skeleton", "x")
    return tmp_path / "skeletons.zip"


def test_json_of_a_complete_data_set(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(ntu60.PROTOCOLS["ntu60-xsub"], counts=(4, 2))
    monkeypatch.setitem(ntu60.PROTOCOLS, "ntu60-xsub", few)
    monkeypatch.setitem(WHOLE, "ntu60-xsub", (60, 4, 2))
    command = ["unpack", "ntu60", str(archive), "--out", str(tmp_path / "out"), "--json"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "dataset": "ntu60",
        "folder": str(tmp_path / "out"),
        "complete": True,
        "written": 6,
        "already_there": 0,
        "remarks": [],
    }


def test_json_of_an_incomplete_data_set_is_printed_before_the_error(archive: Path, tmp_path: Path) -> None:
    command = ["unpack", "ntu60", str(archive), "--out", str(tmp_path / "out"), "--json"]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, UserError) and "is not complete" in str(result.exception)
    found = json.loads(result.stdout)
    assert not found["complete"] and "56572 of the 56578 clips are not in" in found["remarks"][-1]
