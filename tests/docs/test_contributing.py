"""CONTRIBUTING.md's examples work: its blocks of code are put into files, registered and used."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from common.command_line import new_app
from common.config import parse_config
from common.errors import UserError
from distill.commands.app import app as distill_app
from distill.feature_set import FeatureSet, make_feature_set
from distill.methods import METHODS
from distill.training import train_model
from distill.training_plan import make_training_plan
from distill.training_state import ModelId
from evaluate.commands.app import app as evaluate_app
from extract.backbones import BACKBONES, load_backbone
from extract.cache import Cache
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from manifests.commands.build import add_build_commands
from manifests.datasets import DATASETS
from manifests.manifest import COLUMNS, Manifest, read_manifest, write_manifest
from manifests.recipes.data import Data
from manifests.recipes.extraction import Extract
from manifests.recipes.recipe import Recipe

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


def test_the_method_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its code is in a file of its own, its line in `METHODS`, its section in a recipe; it learns a small problem."""
    module = example("distill/methods/focal.py", tmp_path)
    monkeypatch.setitem(METHODS, "focal", module.FOCAL)
    config = {
        "name": "mine",
        "seeds": [0, 1],
        "methods": ["focal"],
        "data": {"dataset": "other", "protocol": "made-up"},
        "focal": {"gamma": 1.0},
        "distillation": {"beta": 0.5},
        "student": {"hidden": 4},
        "training": {"epochs": 1},
    }
    plan = make_training_plan(Recipe.model_validate(config))
    assert plan.trained["focal"].settings == module.Focal(gamma=1.0)
    data = made_up_features()
    for seed in plan.seeds:
        state = train_model(ModelId("focal", seed), plan, data)
        assert state.epochs == 1
        assert set(state.selected[0].terms) == {"focal"}
    with pytest.raises(UserError, match=r"focal\.gama is not a key; did you mean focal\.gamma\?"):
        make_training_plan(Recipe.model_validate(config | {"focal": {"gama": 1.0}}))


def test_the_commands_about_the_method_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two lines, the recipe and the commands, on features where `make demo` has them; with few epochs."""
    module = example("distill/methods/focal.py", tmp_path)
    section = TEXT[TEXT.index("## Add a method") : TEXT.index("## Add a data set")]
    assert "from distill.methods.focal import FOCAL" in section
    assert '"focal": FOCAL,' in section
    monkeypatch.setitem(METHODS, "focal", module.FOCAL)
    monkeypatch.chdir(tmp_path)
    recipe = re.search(r"^```toml\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    assert recipe
    Path("focal.toml").write_text(recipe[1] + "[training]\nepochs = 1\n")
    manifest, cache = made_up("stick-figures-v1")
    Path("out/demo/videos").mkdir(parents=True)
    write_manifest(manifest, Path("out/demo/videos/manifest.csv"))
    lines = zip(cache.clip_id, cache.features, cache.num_frames, cache.valid, strict=True)
    write_cache(Path("out/demo/features.h5"), (Row(*line) for line in lines), cache.clip_id, (10, 3), cache.settings)
    commands = re.findall(r"^python -m (\w+) (.*)$", section.replace("\\\n", ""), flags=re.MULTILINE)
    assert [verb.split()[0] for _, verb in commands] == ["methods", "reproduce", "sweep"]
    apps = {"distill": distill_app, "evaluate": evaluate_app}
    outputs = []
    for package, words in commands:
        result = CliRunner().invoke(apps[package], [*words.split(), *(["--device", "cpu"] if " " in words else [])])
        assert result.exit_code == 0, (words, result.output, result.exception)
        outputs.append(result.output)
    assert "section [focal]: gamma" in outputs[0]
    assert "Focal loss" in Path("out/focal-1/table.md").read_text()
    assert outputs[2].count("focal.gamma=") == 6  # three values for each of two methods


def made_up_features() -> FeatureSet:
    """Clips of two classes, whose features differ, joined with their labels."""
    manifest, cache = made_up("made-up")
    return make_feature_set(cache, manifest)


def made_up(protocol: str) -> tuple[Manifest, Cache]:
    """Clips of two classes, whose features differ."""
    clips = [(split, label, index) for split in ("train", "validation", "test") for label in (0, 1) for index in "abc"]
    rows = [
        [f"{split}{label}{index}", f"{split}{label}{index}.avi", label, ("run", "walk")[label], index, split, protocol]
        for split, label, index in clips
    ]
    manifest = Manifest(pd.DataFrame(rows, columns=[*COLUMNS]), ("run", "walk"))
    features = np.stack([np.full((10, 3), label, np.float32) for _, label, _ in clips])
    whole = np.ones(len(clips), bool)
    cache = Cache(
        features, [row[0] for row in rows], np.full(len(clips), 40), whole, {"backbone": "efficientnet_lite0"}, "c" * 64
    )
    return manifest, cache


def test_the_backbone_turns_segments_into_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = example("extract/backbones/resnet18.py", tmp_path)
    monkeypatch.setitem(BACKBONES, "resnet18", module.RESNET18)
    backbone = load_backbone(Extract(backbone="resnet18", weights="random"))
    images = torch.zeros(1, 3, 224, 224)
    assert backbone.network(images).shape == (1, 512)


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
