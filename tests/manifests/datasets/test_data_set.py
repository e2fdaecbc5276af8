"""A new data set is one file with an entry and one line in `DATASETS`: its command and its recipes then work."""

import json
from collections.abc import Collection
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from common.command_line import new_app
from common.config import parse_config
from common.errors import UserError
from manifests.commands.build import add_build_commands
from manifests.datasets import DATASETS
from manifests.datasets.data_set import DataSet
from manifests.manifest import COLUMNS, Manifest, read_manifest
from manifests.recipes.data import Data

CLASSES = ("run", "walk")


def build(folder: Path, protocol: str, *, hold_out: Collection[int] | None = None) -> tuple[Manifest, list[str]]:
    """The builder of a data set of NUMBER_CLASS.avi, whose protocol tests on clip 0."""
    held_out = {2} if hold_out is None else set(hold_out)
    rows = []
    for path in sorted(folder.glob("*.avi")):
        number, class_name = path.stem.split("_")
        split = "test" if number == "0" else "validation" if int(number) in held_out else "train"
        rows.append([path.stem, path.name, CLASSES.index(class_name), class_name, number, split, protocol])
    return Manifest(pd.DataFrame(rows, columns=[*COLUMNS]), CLASSES), ["all that is there is listed"]


KTH = DataSet(title="KTH", protocols=("kth",), builder=build, files="Folder of the videos.", folder="/data/kth")


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "kth"
    folder.mkdir()
    for number in range(4):
        for class_name in CLASSES:
            (folder / f"{number}_{class_name}.avi").touch()
    return folder


def test_a_new_entry_has_a_command_and_a_name_in_recipes(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"data\.dataset|no data set 'kth'"):
        parse_config(Data, {"dataset": "kth", "protocol": "kth"}, "recipe")
    monkeypatch.setitem(DATASETS, "kth", KTH)
    assert parse_config(Data, {"dataset": "kth", "protocol": "kth"}, "recipe").dataset == "kth"
    app = new_app("")
    add_build_commands(app)
    out = tmp_path / "kth.csv"
    result = CliRunner().invoke(app, ["kth", str(videos), "--out", str(out), "--hold-out", "1"])
    assert result.output == ("kth: 8 clips (4 train / 2 validation / 2 test), 2 classes\nall that is there is listed\n")
    assert read_manifest(out).clips["clip_id"][0] == "0_run"
    as_json = CliRunner().invoke(app, ["kth", str(videos), "--out", str(out), "--json"])
    assert json.loads(as_json.output) == {
        "manifest": str(out),
        "protocol": "kth",
        "clips": 8,
        "splits": {"train": 4, "validation": 2, "test": 2},
        "classes": 2,
        "classes_present": 2,
        "remarks": ["all that is there is listed"],
    }


def test_a_misspelt_name_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset: no data set 'ucf-101'; did you mean 'ucf101'\? known: ucf101, "):
        parse_config(Data, {"dataset": "ucf-101", "protocol": "x"}, "recipe")


def test_classes_can_be_chosen_where_the_entry_says_so(videos: Path) -> None:
    with pytest.raises(UserError, match="the classes of KTH cannot be chosen"):
        KTH.build(videos, classes=["run", "walk"])
