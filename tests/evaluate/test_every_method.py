"""Every method of a recipe on very few clips, from a cache to the results table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from distill.methods import METHODS, knn
from evaluate.pipeline.inputs import PipelineInputs
from evaluate.pipeline.reproduction import reproduce
from evaluate.scoring.predictions import read_predictions
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from extract.machine import Machine
from manifests.manifest import COLUMNS, SPLITS, Manifest, write_manifest
from manifests.recipes.recipe import Recipe

N, D = 3, 5
CLASSES = ("fall", "rise")
EVERY = list(METHODS)


pytestmark = pytest.mark.usefixtures("one_thread")


def write_inputs(folder: Path, per_class: int, apart: float, timed: bool = False) -> PipelineInputs:
    """Write a manifest of two classes and a cache in which the means of the classes differ by `apart`.

    `timed`: segments last a fixed time, and the clips have 1, 2, … N of them.
    """
    random = np.random.default_rng(0)
    clips = pd.DataFrame(
        [
            (f"{split}-{name}-{index}", f"{split}/{name}/{index}.avi", label, name, str(index), split, "made-up")
            for split in SPLITS
            for label, name in enumerate(CLASSES)
            for index in range(per_class)
        ],
        columns=list(COLUMNS),
    )
    write_manifest(Manifest(clips, CLASSES), folder / "m.csv")
    rows, settings = [], {"backbone": "none", "weights": "none"} | ({"segment_seconds": 0.5} if timed else {})
    for number, (clip, label) in enumerate(zip(clips["clip_id"], clips["label"], strict=True)):
        features, own = (random.normal(size=(N, D)) + apart * label).astype(np.float32), 1 + number % N
        features[own if timed else N :] = 0
        rows.append(Row(clip, features, 30, True, own if timed else None))
    write_cache(folder / "f.h5", rows, clips["clip_id"].tolist(), (N, D), settings)
    return PipelineInputs(folder / "out", manifest=folder / "m.csv", caches={"features": folder / "f.h5"})


def make_recipe(methods: list[str], **more: object) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "every",
            "data": {"dataset": "other", "protocol": "made-up"},
            "methods": methods,
            "teacher": {"hidden": 4},
            "student": {"hidden": 6},
            "distillation": {"beta": 0.5},
            "training": {"epochs": 2, "batch_size": 3},
            "seeds": [0],
        }
        | more
    )


def assert_probabilities(out: Path, methods: list[str]) -> None:
    files = sorted(out.glob("predictions/**/*.h5"))
    assert len(files) == len(methods)
    for file in files:
        probabilities = read_predictions(file).probabilities
        assert np.isfinite(probabilities).all()
        assert probabilities.min() >= 0 and probabilities.max() <= 1
        np.testing.assert_allclose(probabilities.sum(2, dtype=np.float64), 1, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("per_class", "labels"), [(1, {}), (2, {}), (2, {"fraction": 0.5, "rows_per_batch": 1})])
def test_every_method_ends_in_a_table_with_few_clips(tmp_path: Path, per_class: int, labels: dict[str, float]) -> None:
    inputs = write_inputs(tmp_path, per_class, apart=3)
    result = reproduce(make_recipe(EVERY, labels=labels), inputs, Machine(device="cpu"), notify=lambda text: None)
    assert_probabilities(inputs.out, EVERY)
    assert list(result.scores) == [METHODS[method].title for method in EVERY]
    assert result.table_file.read_text().count("| this run") == len(EVERY)


@pytest.mark.parametrize("labels", [{}, {"fraction": 0.5, "rows_per_batch": 1}])
def test_every_method_takes_clips_that_differ_in_their_number_of_segments(
    tmp_path: Path, labels: dict[str, float]
) -> None:
    inputs = write_inputs(tmp_path, 4, apart=3, timed=True)
    result = reproduce(make_recipe(EVERY, labels=labels), inputs, Machine(device="cpu"), notify=lambda text: None)
    assert_probabilities(inputs.out, EVERY)
    for runs in result.scores.values():
        assert all(run.accuracy.shape == (10,) and run.protocol == "made-up-segments-0.5s" for run in runs)


@pytest.mark.parametrize("k", [*knn.K, 2, 20])
@pytest.mark.parametrize("apart", [0, 3])
def test_knn_with_every_k(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, k: int, apart: float) -> None:
    monkeypatch.setattr(knn, "K", (k,))
    inputs = write_inputs(tmp_path, per_class=12, apart=apart)
    result = reproduce(make_recipe(["knn"]), inputs, Machine(device="cpu"), notify=lambda text: None)
    assert_probabilities(inputs.out, ["knn"])
    assert "| KNN " in result.table_file.read_text()
