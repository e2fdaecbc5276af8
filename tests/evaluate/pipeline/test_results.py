"""The folder that a set of scores ends in."""

import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evaluate.pipeline.results import write_results
from evaluate.scoring.predictions import Predictions
from evaluate.scoring.scores import score_predictions
from evaluate.scoring.seconds import SecondsScores
from manifests.manifest import Manifest

CLASSES = ("clap", "jump")
ALWAYS = {"table.md", "table.csv", "table.tex", "figure.png", "figure.svg", "beyond.md", "beyond.csv"}
COMPARED = {"comparison.md", "comparison.csv"}


@pytest.fixture
def manifest():
    splits = ["train", *["validation"] * 4, *["test"] * 12]
    rows = [(f"c{n}", f"c{n}.avi", n % 2, CLASSES[n % 2], f"g{n % 3}", split, "own") for n, split in enumerate(splits)]
    columns = ["clip_id", "path", "label", "class_name", "group", "split", "protocol"]
    return Manifest(pd.DataFrame(rows, columns=columns), CLASSES)


@pytest.fixture
def scores(manifest):
    """Two methods of two seeds on validation and test clips."""
    ids = tuple(manifest.clips.loc[manifest.clips["split"] != "train", "clip_id"])

    def scored(method, seed):
        probabilities = np.random.default_rng([len(method), seed]).dirichlet((1, 1), size=(len(ids), 10))
        return score_predictions(
            Predictions(probabilities.astype(np.float32), ids, "own", method, seed, CLASSES), manifest
        )

    return {method: [scored(method, seed) for seed in (0, 1)] for method in ("GRU", "GRU, distilled")}


def written(folder):
    return {path.name for path in folder.iterdir()}


def test_everything_is_written_and_the_same_twice(tmp_path, manifest, scores):
    table, figure = write_results(tmp_path / "one", manifest, scores, baseline="GRU")
    assert (table, figure) == (tmp_path / "one" / "table.md", tmp_path / "one" / "figure.png")
    assert written(tmp_path / "one") == ALWAYS | COMPARED
    write_results(tmp_path / "two", manifest, scores, baseline="GRU")
    for name in ALWAYS | COMPARED:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    text = (tmp_path / "one" / "comparison.md").read_text(encoding="utf-8")
    assert "| GRU, distilled | GRU | 2 | " in re.sub(" +", " ", text)
    assert "whole test groups (3 groups)" in text
    assert (tmp_path / "one" / "beyond.md").read_text(encoding="utf-8").count("± ") > 10


@pytest.mark.parametrize("baseline", [None, "somebody's"])
def test_without_a_baseline_nothing_is_compared(tmp_path, manifest, scores, baseline):
    write_results(tmp_path, manifest, scores, baseline=baseline)
    assert written(tmp_path) == ALWAYS


def test_a_comparison_of_an_earlier_call_does_not_stay(tmp_path, manifest, scores):
    write_results(tmp_path, manifest, scores, baseline="GRU")
    write_results(tmp_path, manifest, scores)
    assert written(tmp_path) == ALWAYS


def test_accuracy_by_seconds_is_written_where_it_is_known_and_does_not_stay(tmp_path, manifest, scores):
    seconds = SecondsScores(0.5, scores["GRU"][0].correct[:, :3], np.repeat([1, 2, 3], 4))
    timed = {method: [replace(run, seconds=seconds) for run in runs] for method, runs in scores.items()}
    write_results(tmp_path, manifest, timed)
    assert written(tmp_path) == ALWAYS | {"seconds.csv", "seconds.png", "seconds.svg"}
    write_results(tmp_path, manifest, scores)
    assert written(tmp_path) == ALWAYS


def test_predictions_are_scored_without_torch() -> None:
    code = "import sys, evaluate.pipeline.results, evaluate.scoring.scored_files; print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
