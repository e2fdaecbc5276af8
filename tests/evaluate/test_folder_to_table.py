"""From a folder of files to the table, by the two commands of a user: `manifests folder`, `evaluate reproduce`."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import evaluate
import manifests
from evaluate.commands.app import app as evaluate_app
from extract.cache import read_cache
from manifests.commands.app import app as manifests_app
from manifests.stick_figures.data_set import draw_data_set

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = "\n[teacher]\nhidden = 4\n\n[student]\nhidden = 6\n\n[training]\nepochs = 2\n"


def draw(folder: Path, suffix: str) -> Path:
    """Write a folder of a few classes with the files of one kind, named so that nothing tells groups."""
    drawn = draw_data_set(folder / "drawn", clips_per_class={"train": 4, "test": 1}, size=(64, 48)).parent
    for number, file in enumerate(sorted(drawn.rglob(f"*{suffix}"))):
        own = folder / "videos" / file.parent.name / f"{number}{suffix}"
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, own)
    return folder / "videos"


def shorten(recipe: Path) -> None:
    """Replace how long and how large an imported recipe trains, so that a test takes seconds."""
    text = recipe.read_text()
    recipe.write_text(text[: text.index("\n[teacher]")] + SMALL)


def test_skeleton_files_need_two_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path, ".npy")
    monkeypatch.chdir(tmp_path)
    imported = CliRunner().invoke(manifests_app, ["folder", "videos", "--out", "mine"])
    assert imported.exit_code == 0, imported.output
    shorten(tmp_path / "mine" / "recipe.toml")
    first = CliRunner().invoke(evaluate_app, ["reproduce", "mine/recipe.toml", "--device", "cpu", "--seeds", "0"])
    assert first.exit_code == 0, first.output
    assert "backbone joint_statistics, weights none" in first.output
    assert "Without distillation" in first.output
    assert "next: python -m evaluate predict out/mine NEW.npy" in first.output
    table = (tmp_path / "out" / "mine" / "table.csv").read_text()
    assert table.count("mine-by-clips-validation15-test25-seed0") == 2
    shutil.rmtree(tmp_path / "out" / "mine" / "predictions")
    again = CliRunner().invoke(evaluate_app, ["reproduce", "mine/recipe.toml", "--device", "cpu", "--seeds", "0"])
    assert again.exit_code == 0, again.output
    assert (tmp_path / "out" / "mine" / "table.csv").read_text() == table
    record = json.loads((tmp_path / "out" / "mine" / "runs" / "seed0" / "with" / "recipe.json").read_text())
    assert record["recipe"]["extract"]["backbone"] == "joint_statistics"
    assert "videos" not in record["recipe"]["data"]


def test_videos_need_two_calls(tmp_path: Path) -> None:
    manifest = manifests.from_folder(draw(tmp_path, ".avi"), tmp_path / "mine")
    recipe = tmp_path / "mine" / "recipe.toml"
    shorten(recipe)
    named = 'backbone = "timm:test_resnet"\nweights = "random"\nimage_size = 32\n'
    recipe.write_text(recipe.read_text().replace('backbone = "auto" ', f"{named}#"))
    notes: list[str] = []
    result = evaluate.reproduce(recipe, out=tmp_path / "out", seeds=[0], device="cpu", notify=notes.append)
    assert len(result.table) == 2
    assert result.manifest.clips.equals(manifest.clips)
    cache = read_cache(tmp_path / "out" / "features.h5")
    assert set(cache.clip_id) == set(manifest.clips["clip_id"])
    assert f"{cache.settings['frames_per_segment']} frames a segment" in notes[0]
    assert cache.settings["frames_per_segment"] in (1, 2, 3, 4)
