"""The public functions of the evaluation, called as a notebook calls them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import evaluate
from common.errors import UserError
from evaluate.scoring.predictions import Predictions, read_predictions, write_predictions
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from manifests.manifest import COLUMNS, Manifest, read_manifest, write_manifest
from manifests.recipes.recipe import read_recipe

pytestmark = pytest.mark.usefixtures("one_thread")

CLASSES = ("fall", "rise")
SMALL_MODELS = (Path(__file__).parents[1] / "data" / "small_models.toml").read_text()
RECIPE = (
    """
name = "tiny"
seeds = [0, 1]
[data]
dataset = "other"
protocol = "made-up"
"""
    + SMALL_MODELS
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A manifest m.csv, a cache f.h5 and a recipe r.toml."""
    rows = [
        (f"{split}{number}", f"{split}{number}.avi", number % 2, CLASSES[number % 2], str(number), split, "made-up")
        for split, count in {"train": 6, "validation": 4, "test": 4}.items()
        for number in range(count)
    ]
    clips = pd.DataFrame(rows, columns=list(COLUMNS))
    write_manifest(Manifest(clips, CLASSES), tmp_path / "m.csv")
    noise = np.random.default_rng(0)
    cached = [Row(row[0], (noise.normal(size=(4, 3)) + 3 * row[2]).astype(np.float32), 30, True) for row in rows]
    write_cache(tmp_path / "f.h5", cached, [row[0] for row in rows], (4, 3), {"backbone": "none", "weights": "none"})
    (tmp_path / "r.toml").write_text(RECIPE)
    return tmp_path


def test_public_names_load_no_torch_before_they_are_used() -> None:
    code = "import evaluate, sys; assert 'torch' not in sys.modules; evaluate.score; print(*evaluate.__all__)"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) >= {"score", "reproduce"}


@pytest.mark.parametrize("as_path", [str, Path])
def test_a_recipe_from_python(
    folder: Path, as_path: Callable[[Path], str | Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    done = evaluate.reproduce(
        as_path(folder / "r.toml"),
        manifest=as_path(folder / "m.csv"),
        caches=as_path(folder / "f.h5"),
        out=as_path(folder / "results"),
        device="cpu",
        seeds=[3, 4, 5],
    )
    assert list(done.table["method"]) == ["Without distillation", "With distillation"]
    assert list(done.table["seeds"]) == [3, 3]
    assert done.folder == folder / "results"
    assert done.table_file.read_text().count("this run, 3 seeds") == 2
    assert done.figure_file.with_suffix(".svg").exists()
    assert {name: len(files) for name, files in done.prediction_files.items()} == dict.fromkeys(done.scores, 3)
    assert list(done.seconds) == ["manifest", "extract", "distill", "evaluate"]
    for _, row in done.table.iterrows():
        curves = 100 * np.array([run.accuracy for run in done.scores[row["method"]]])
        assert row["accuracy_50"] == pytest.approx(curves[:, 1].mean())
        assert row["auc_mean_std"] == pytest.approx(curves.mean(axis=1).std(ddof=1))
    assert "Scores(" not in repr(done)

    # The same numbers from the files.
    files = [as_path(file) for each in done.prediction_files.values() for file in each]
    scored = evaluate.score(files, as_path(folder / "m.csv"))
    pd.testing.assert_frame_equal(scored.table, done.table)


def test_a_recipe_object_and_the_folder_that_it_has_by_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    recipe = read_recipe(folder / "r.toml").model_copy(update={"methods": ["mean_linear"], "seeds": [0]})
    notices: list[str] = []
    done = evaluate.reproduce(
        recipe, manifest="m.csv", caches={"features": "f.h5"}, device="cpu", notify=notices.append
    )
    assert done.folder == Path("out/tiny")
    assert (list(done.scores), notices) == (["Cumulative mean + linear"], [])


def test_one_file_of_predictions_and_a_manifest_object(folder: Path) -> None:
    manifest = read_manifest(folder / "m.csv")
    test = manifest.split("test")
    probabilities = np.repeat(np.eye(2, dtype=np.float32)[test["label"]][:, None], 4, axis=1)  # (clips, N, C)
    predictions = Predictions(probabilities, tuple(test["clip_id"]), "made-up", "theirs", 0, CLASSES)
    write_predictions(folder / "p.h5", predictions)
    scored = evaluate.score(folder / "p.h5", manifest)
    assert scored.table.loc[0, "auc_mean"] == 100
    assert scored.scores["theirs"][0].accuracy.tolist() == [1, 1, 1, 1]
    assert read_predictions(folder / "p.h5").method == "theirs"


def of_no_stream(folder: Path) -> object:
    return evaluate.reproduce(folder / "r.toml", manifest=folder / "m.csv", caches={"rgb": folder / "f.h5"})


def one_file_of_two_streams(folder: Path) -> object:
    return evaluate.reproduce("sysu", manifest=folder / "m.csv", caches=folder / "f.h5")


def one_seed_twice(folder: Path) -> object:
    return evaluate.reproduce(folder / "r.toml", manifest=folder / "m.csv", caches=folder / "f.h5", seeds=[1, 1])


def a_whole_table(folder: Path) -> object:
    return evaluate.reproduce("table1", videos=folder)


def nothing_to_score(folder: Path) -> object:
    return evaluate.score([], folder / "m.csv")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (of_no_stream, "recipe tiny has no stream rgb; its streams are features"),
        (one_file_of_two_streams, "recipe sysu has the streams rgb, skeleton; give the caches by stream"),
        (one_seed_twice, "seeds: .*1 "),
        (a_whole_table, "table1 is a "),
        (nothing_to_score, "there are no predictions; give at least one file"),
    ],
)
def test_errors_are_sentences(folder: Path, call: Callable[[Path], object], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        call(folder)
