"""Sweeps: what is planned, trained once, gone on with, and never read."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from common.errors import UserError
from distill.combinations import vary_recipe
from distill.commands.app import app
from distill.feature_set import FeatureSet
from distill.run_folder import read_completion
from distill.sweep import Outcome, parse_axes, run_sweep
from extract.cache import Cache
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from manifests.manifest import Manifest, write_manifest
from manifests.recipes.recipe import Recipe


@pytest.fixture
def recipe(make_recipe: Callable[..., Recipe]) -> Recipe:
    small = make_recipe(epochs=2)
    return small.model_copy(update={"seeds": [0, 1], "methods": ["without", "with"]})


def test_axes_are_read_as_toml() -> None:
    given = ["distillation.alpha=0.25,1.0", "labels.fraction=0.1", "seeds=[0],[0,1]", "distillation.detach_target=true"]
    assert parse_axes(given) == {
        "distillation.alpha": [0.25, 1.0],
        "labels.fraction": [0.1],
        "seeds": [[0], [0, 1]],
        "distillation.detach_target": [True],
    }


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["alpha"], "--set alpha: write KEY=VALUE,VALUE"),
        (["alpha="], "--set alpha=: write KEY=VALUE,VALUE"),
        (["=1"], "--set =1: write KEY=VALUE,VALUE"),
        (["alpha=1,,2"], "--set alpha=1,,2: write KEY=VALUE,VALUE"),
        (["alpha=one"], "--set alpha=one: write"),
        (["alpha=1", "alpha=2"], "--set alpha is given twice"),
        (["alpha=1,1"], "--set alpha=1,1: a value is given twice"),
    ],
)
def test_what_is_no_axis_is_a_sentence(given: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        parse_axes(given)


def run(recipe: Recipe, axes: Mapping[str, list[Any]], data: FeatureSet, out: Path, *progress: Any) -> list[Outcome]:
    """Sweep as the command line does."""
    return run_sweep({"recipe": recipe.name, "axes": axes}, vary_recipe(recipe, axes), data, out, *progress)


def test_a_sweep_trains_what_is_shared_once_and_is_sorted_by_validation(
    data: FeatureSet, recipe: Recipe, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    axes = {"distillation.alpha": [0.25, 4.0], "distillation.tau": [1, 2]}
    outcomes = run(recipe, axes, data, tmp_path / "sweep", lambda done, total: told.append((done, total)))
    assert told[-1][0] <= told[-1][1] == 4 * 2 * 2 * 3
    assert sorted(path.name.partition("-")[0] for path in (tmp_path / "sweep" / "runs").iterdir()) == (
        ["teacher"] * 2 + ["with"] * 8 + ["without"] * 2
    )
    assert [outcome.mean for outcome in outcomes] == sorted((outcome.mean for outcome in outcomes), reverse=True)
    assert len(outcomes) == 8
    for outcome in outcomes:
        assert len(outcome.validation_auc) == 2
        assert outcome.mean == pytest.approx(np.mean(outcome.validation_auc))
        assert outcome.std == pytest.approx(np.std(outcome.validation_auc, ddof=1))
    by_run = {read_completion(path).validation_auc for path in (tmp_path / "sweep" / "runs").glob("with-*")}
    assert by_run == {auc for outcome in outcomes if outcome.method == "with" for auc in outcome.validation_auc}


def test_what_cannot_be_swept_is_a_sentence(data: FeatureSet, recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="knn is not trained, so there is nothing to sweep"):
        run(recipe, {"methods": [["knn"]]}, data, tmp_path / "sweep")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot make the folder .*file: File exists; give another"):
        run(recipe, {"distillation.tau": [1]}, data, tmp_path / "file")


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ({"distillation.tau": [1, 5]}, r"with distillation\.tau=5: .*method with: tau = 5 .*from 1 to 4"),
        ({"distillation.beta": [0.0, 1.0], "distillation.tau": [9]}, r"with distillation\.beta=1\.0, .*tau = 9"),
        (
            {"student.hidden": [8, 7], "methods": [["without"], ["ts_lstm"]]},
            r"with student\.hidden=7, methods=\[\"ts_lstm\"\]: student\.hidden = 7 is odd",
        ),
    ],
)
def test_every_combination_is_checked_before_the_first_is_trained(
    data: FeatureSet, recipe: Recipe, tmp_path: Path, axes: dict[str, list[Any]], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        run(recipe, axes, data, tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()


def test_a_killed_sweep_goes_on(
    data: FeatureSet, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = {"distillation.alpha": [0.25, 4.0]}
    straight = run(recipe, axes, data, tmp_path / "straight")

    def stop(done: int, total: int) -> None:
        if done >= total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe, axes, data, tmp_path / "killed", stop)
    finished = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed").glob("runs/*/weights.safetensors")}
    assert finished
    assert run(recipe, axes, data, tmp_path / "killed") == straight
    assert all(path.stat().st_mtime_ns == before for path, before in finished.items())
    assert (tmp_path / "killed" / "sweep.csv").read_bytes() == (tmp_path / "straight" / "sweep.csv").read_bytes()
    with pytest.raises(UserError, match=r"other settings \(axes\.distillation\.alpha"):
        run(recipe, {"distillation.alpha": [0.25]}, data, tmp_path / "killed")


def test_command_line(recipe: Recipe, cache: Cache, manifest: Manifest, tmp_path: Path) -> None:
    poisoned = manifest.clips.copy()
    write_manifest(manifest, tmp_path / "clips.csv")
    columns = zip(cache.clip_id, cache.features, cache.num_frames, cache.valid, strict=True)
    write_cache(tmp_path / "cache.h5", (Row(*row) for row in columns), cache.clip_id, (5, 6), cache.settings)
    text = 'name = "made-up"\nseeds = [0, 1]\n[data]\ndataset = "ucf101"\nprotocol = "made-up"\n'
    text += "[distillation]\nbeta = 0.5\n"
    (tmp_path / "r.toml").write_text(text + "[teacher]\nhidden = 4\n[student]\nhidden = 4\n[training]\nepochs = 1\n")

    def call(out: str, *more: str) -> str:
        words = ["sweep", tmp_path / "r.toml", "--manifest", tmp_path / "clips.csv", "--cache", tmp_path / "cache.h5"]
        words += ["--out", tmp_path / out, "--set", "distillation.tau=1,2", "--device", "cpu", *more]
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == 0, result.output
        # a model that combinations share counts once
        assert ("8 models were finished before, and only read now" in result.stderr) == ("--json" in more)
        return result.stdout

    assert "no test clip was read" in call("one")
    outcomes = json.loads(call("one", "--json"))
    assert {(outcome["method"], outcome["values"]["distillation.tau"]) for outcome in outcomes} == {
        ("with", 1),
        ("with", 2),
        ("without", 1),
        ("without", 2),
    }
    # Test labels are never read: with all of them wrong, the same bytes come out.
    poisoned.loc[poisoned["split"] == "test", "label"] = 0
    poisoned.loc[poisoned["split"] == "test", "class_name"] = manifest.classes[0]
    write_manifest(Manifest(poisoned, manifest.classes), tmp_path / "clips.csv")
    call("two")
    assert (tmp_path / "one" / "sweep.csv").read_bytes() == (tmp_path / "two" / "sweep.csv").read_bytes()
