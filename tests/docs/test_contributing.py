"""CONTRIBUTING.md's examples work: its blocks of code are put into files, registered and used."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from common.command_line import new_app
from common.config import parse_config
from manifests.commands.build import add_build_commands
from manifests.datasets import DATASETS
from manifests.manifest import read_manifest
from manifests.recipes.recipe import Data

TEXT = (Path(__file__).parent.parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")


def example(name: str, folder: Path) -> ModuleType:
    """Write the block of code that follows the first mention of a file into a file of that name, and import it."""
    code = re.search(r"^```python\n(.*?)^```$", TEXT[TEXT.index(name) :], flags=re.MULTILINE | re.DOTALL)
    assert code, f"no example for {name}"
    path = folder / Path(name).name
    path.write_text(code[1], encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_data_set_has_a_command_and_a_name_in_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = example("manifests/datasets/kth.py", tmp_path)
    monkeypatch.setitem(DATASETS, "kth", module.KTH)
    videos = tmp_path / "videos"
    videos.mkdir()
    for person in range(1, 5):
        for name in module.CLASSES:
            (videos / f"{person}_{name}.avi").touch()
    app = new_app("")
    add_build_commands(app)
    out = tmp_path / "kth.csv"
    result = CliRunner().invoke(app, ["kth", str(videos), "--out", str(out)])
    assert (result.exit_code, result.output) == (0, "kth-xsub: 8 clips (4 train / 2 validation / 2 test), 2 classes\n")
    assert read_manifest(out).classes == ("run", "walk")
    assert parse_config(Data, {"dataset": "kth", "protocol": "kth-xsub"}, "recipe").dataset == "kth"
