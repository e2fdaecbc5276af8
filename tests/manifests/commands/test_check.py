"""`manifests check --json`: the numbers and the remarks in one object."""

import json
from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from manifests.commands.app import app
from manifests.commands.check import NO_VALIDATION
from manifests.manifest import COLUMNS, Manifest, write_manifest


def test_json_has_the_numbers_and_every_remark(tmp_path: Path) -> None:
    rows = [
        ("a", "a.avi", 0, "wave", "g1", "train", "mine"),
        ("b", "b.avi", 1, "jump", "g1", "train", "mine"),
        ("c", "c.avi", 0, "wave", "g1", "test", "mine"),
    ]
    write_manifest(Manifest(pd.DataFrame(rows, columns=list(COLUMNS)), ("wave", "jump", "run")), tmp_path / "m.csv")
    result = CliRunner().invoke(app, ["check", str(tmp_path / "m.csv"), "--json"], catch_exceptions=False)
    assert result.exit_code == 0 and result.stderr == ""
    found = json.loads(result.stdout)
    shared, advice = found.pop("remarks")
    assert shared.startswith("1 of 1 groups is in more than one split") and advice == NO_VALIDATION
    assert found == {
        "manifest": str(tmp_path / "m.csv"),
        "protocol": "mine",
        "clips": 3,
        "splits": {"train": 2, "validation": 0, "test": 1},
        "classes": 3,
        "classes_present": 2,
    }
