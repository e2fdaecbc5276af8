"""The command lines: `score`, the help of every command with an example, and errors that are one sentence."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import distill.commands.app
import evaluate.commands.app
import extract.commands.app
import manifests.commands.app
from common.command_line import run_cli
from evaluate.scoring.predictions import Predictions, read_predictions, write_predictions
from manifests.manifest import Manifest, write_manifest

APPS = {
    "manifests": manifests.commands.app.app,
    "extract": extract.commands.app.app,
    "distill": distill.commands.app.app,
    "evaluate": evaluate.commands.app.app,
}
CLASSES = ("clap", "jump")
LABELS = {"a": 0, "b": 1, "c": 1, "d": 0}


@pytest.fixture
def predicted(tmp_path: Path) -> Path:
    """Return a folder with a manifest and the predictions of one method and two seeds, 25 and 75 % correct."""
    rows = [("t", 0, "train"), *((clip, label, "test") for clip, label in LABELS.items())]
    clips = [(clip, f"{clip}.avi", label, CLASSES[label], "g", split, "own") for clip, label, split in rows]
    columns = ["clip_id", "path", "label", "class_name", "group", "split", "protocol"]
    write_manifest(Manifest(pd.DataFrame(clips, columns=columns), CLASSES), tmp_path / "own.csv")
    for seed, wrong in enumerate((("a", "b", "c"), ("d",))):
        guesses = np.array([label ^ (clip in wrong) for clip, label in LABELS.items()])
        probabilities = np.repeat(np.eye(2, dtype=np.float32)[guesses][:, None], 2, axis=1)  # (4, N=2, C=2)
        write_predictions(
            tmp_path / f"seed{seed}.h5", Predictions(probabilities, tuple(LABELS), "own", "theirs", seed, CLASSES)
        )
    return tmp_path


def call(app: typer.Typer, *arguments: object) -> int:
    """Run a command line as `python -m` does, in this process; return its exit status."""
    with pytest.raises(SystemExit) as end:
        run_cli(partial(app, [str(argument) for argument in arguments]))
    return int(end.value.code or 0)


ROW = "| theirs | 50.0 ± 35.4 | 50.0 ± 35.4 | 50.0 ± 35.4 | this run, 2 seeds |"


def test_score_in_a_process_of_its_own(predicted: Path) -> None:
    command = [sys.executable, "-m", "evaluate", "score", "seed0.h5", "seed1.h5", "--manifest", "own.csv"]
    done = subprocess.run(
        [*command, "--out", "out"],
        cwd=predicted,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "own: 2 classes; 1 train, 4 test clips; 2 seeds." in done.stdout
    assert "theirs 50.0 50.0 50.0 35.4" in re.sub(" +", " ", done.stdout)
    assert ROW in re.sub(" +", " ", (predicted / "out" / "table.md").read_text())
    assert {path.name for path in (predicted / "out").iterdir()} == {
        "table.md", "table.csv", "table.tex", "figure.png", "figure.svg", "beyond.md", "beyond.csv"
    }  # fmt: skip


def test_score_without_a_folder_writes_nothing(predicted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(predicted.iterdir())
    assert call(APPS["evaluate"], "score", predicted / "seed1.h5", "--manifest", predicted / "own.csv") == 0
    assert "theirs 75.0 75.0 75.0" in re.sub(" +", " ", capsys.readouterr().out)
    assert set(predicted.iterdir()) == before


def test_scores_for_programs(predicted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [predicted / f"seed{seed}.h5" for seed in (0, 1)]
    assert call(APPS["evaluate"], "score", *files, "--manifest", predicted / "own.csv", "--json") == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert [(one["method"], one["seed"], one["accuracy"]) for one in scores] == [
        ("theirs", 0, [0.25, 0.25]), ("theirs", 1, [0.75, 0.75])
    ]  # fmt: skip
    assert [one["auc_mean"] for one in scores] == [0.25, 0.75]
    assert scores[0]["clips"] == {"train": 1, "validation": 0, "test": 4}


def test_comparisons_for_programs(predicted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [predicted / f"seed{seed}.h5" for seed in (0, 1)]
    wrong = read_predictions(files[1])
    for seed in (0, 1):  # a quarter is right
        flipped = replace(wrong, probabilities=wrong.probabilities[:, :, ::-1], method="base", seed=seed)
        write_predictions(predicted / f"base{seed}.h5", flipped)
    options = ["--manifest", predicted / "own.csv", "--json"]
    bases = [predicted / f"base{seed}.h5" for seed in (0, 1)]
    assert call(APPS["evaluate"], "score", *files, *bases, *options, "--baseline", "base") == 0
    (found,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert (found["method"], found["baseline"], found["seeds"]) == ("theirs", "base", [0, 1])
    assert found["auc_difference"] == 0.25
    assert found["interval_by_seed"] == pytest.approx([0.25 - 12.7062 / 4, 0.25 + 12.7062 / 4], abs=1e-4)
    low, high = found["interval_by_clip"]
    assert low < 0.25 < high
    assert found["interval_by_group"] is None  # one group
    assert found["too_few_seeds"] is False
    assert call(APPS["evaluate"], "score", *files, *options) == 0
    assert json.loads(capsys.readouterr().out)["comparisons"] == []


def test_a_baseline_that_no_method_has_is_refused(predicted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--manifest", predicted / "own.csv", "--out", predicted / "out"]
    assert call(APPS["evaluate"], "score", predicted / "seed1.h5", *options, "--baseline", "thiers") == 1
    output = " ".join(capsys.readouterr().err.split())
    assert "--baseline thiers: no other method has it as its baseline; there is theirs" in output
    assert not (predicted / "out").exists()


def commands() -> Iterator[tuple[str, ...]]:
    """Yield every command of every package without groups, as in ("extract", "weights", "get")."""

    def walk(command: object, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, below in getattr(command, "commands", {}).items():
            yield from walk(below, (*words, name))
        if not hasattr(command, "commands"):
            yield words

    for package, app in APPS.items():
        yield from walk(typer.main.get_command(app), (package,))


COMMANDS = list(commands())


def test_no_command_is_forgotten() -> None:
    assert {(package, name) for package, name, *_ in COMMANDS} >= {
        ("manifests", "check"), ("extract", "run"), ("extract", "weights"), ("distill", "train"), ("evaluate", "score")
    }  # fmt: skip
    assert len(COMMANDS) >= 14


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_says_what_it_is_for_and_shows_an_example(words: tuple[str, ...]) -> None:
    package, *names = words
    result = CliRunner().invoke(APPS[package], [*names, "--help"], catch_exceptions=False)
    shown = " ".join(result.output.split())
    assert result.exit_code == 0
    assert "Example" in shown
    assert f"python -m {' '.join(words)}" in shown.split("Example", 1)[1]


@pytest.mark.parametrize("package", APPS)
def test_help_of_a_package_names_its_commands(package: str) -> None:
    result = CliRunner().invoke(APPS[package], ["--help"], catch_exceptions=False)
    assert result.exit_code == 0
    assert all(names[0] in result.output for first, *names in COMMANDS if first == package)


def missing_predictions(folder: Path) -> list[object]:
    return ["evaluate", "score", folder / "none.h5", "--manifest", folder / "own.csv"]


def missing_manifest(folder: Path) -> list[object]:
    return ["evaluate", "score", folder / "seed0.h5", "--manifest", folder / "none.csv"]


def one_seed_twice(folder: Path) -> list[object]:
    return ["evaluate", "score", folder / "seed0.h5", folder / "seed0.h5", "--manifest", folder / "own.csv"]


def unknown_recipe(folder: Path) -> list[object]:
    return ["evaluate", "reproduce", folder / "none", "--out", folder / "out"]


def no_videos(folder: Path) -> list[object]:
    return ["evaluate", "reproduce", "ucf101", "--out", folder / "out"]


def train_under_another_protocol(folder: Path) -> list[object]:
    files = ["--manifest", folder / "own.csv", "--cache", folder / "none.h5", "--out", folder / "run"]
    return ["distill", "train", "ucf101", *files]


def extract_from_nowhere(folder: Path) -> list[object]:
    return ["extract", "run", folder / "own.csv", "--videos", folder / "nowhere", "--out", folder / "f.h5"]


def retry_what_was_not_begun(folder: Path) -> list[object]:
    return ["extract", "retry", folder / "f.h5"]


def verify_what_is_no_cache(folder: Path) -> list[object]:
    return ["extract", "verify", folder / "own.csv"]


def unknown_weights(_folder: Path) -> list[object]:
    return ["extract", "weights", "get", "tsm-r50-8f-kinetics40"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (missing_predictions, "there are no predictions at"),
        (missing_manifest, "none.csv is missing"),
        (one_seed_twice, "theirs: a seed occurs twice among [0, 0]"),
        (unknown_recipe, "no recipe"),
        (no_videos, "recipe ucf101 needs --videos"),
        (train_under_another_protocol, "recipe ucf101 is for protocol ucf101-early-15-3-7"),
        (extract_from_nowhere, "nowhere does not exist"),
        (retry_what_was_not_begun, "no extraction of"),
        (verify_what_is_no_cache, "own.csv is not a feature cache but a CSV file, as manifests are"),
        (unknown_weights, "tsm-r50-8f-kinetics400"),
    ],
)
def test_errors_are_sentences(
    predicted: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: Callable[[Path], list[object]],
    sentence: str,
) -> None:
    package, *words = arguments(predicted)
    assert call(APPS[str(package)], *words) == 1
    output = capsys.readouterr()
    (line,) = output.err.strip().splitlines()
    assert line.startswith("error: ")
    assert sentence in line
    assert "Traceback" not in output.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "score", "x.h5"),  # no --manifest
        ("evaluate", "reproduce", "ucf101", "--worker", "2"),
        ("extract", "bench", "--clips", "1"),  # one clip cannot be both for training and for testing
        ("extract", "bench", "--clips", "0"),
        ("distill", "train", "ucf101", "--methodd", "perhaps"),
        ("manifests", "ucf102", "x"),
    ],
)
def test_wrong_options_have_an_exit_status_of_their_own(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    package, *words = arguments
    assert call(APPS[package], *words) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_names_in_brackets_are_printed_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The library for terminals would take [bold] for a style and not print it."""
    videos = tmp_path / "[bold] videos"
    videos.mkdir()
    for name in ("Archery_g01", "Archery_g16", "Archery_g19", "YoYo_g01"):
        (videos / f"v_{name}_c01.avi").touch()
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'name = "x"\nseeds = [0]\n[data]\ndataset = "ucf101"\nprotocol = "ucf101-early-15-3-7"\n'
        '[extract]\nbackbone = "timm:test_resnet"\nweights = "random"\n[distillation]\nbeta = 0.5\n'
    )
    options = ["--videos", videos, "--out", tmp_path / "out", "--device", "cpu", "--workers", 1]
    assert call(APPS["evaluate"], "reproduce", recipe, *options) == 1
    output = "".join(capsys.readouterr().err.split())
    assert "13316ofthe13320clipsarenotin" in output
    assert "[bold]videos" in output
    assert "everyoneofthe4clipsfailed" in output


def test_weights_list_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(APPS["extract"], "weights", "list", "--json") == 0
    known = json.loads(capsys.readouterr().out)
    assert known["tsm-r50-8f-kinetics400"]["frames"] == 8
    assert all(entry["licence"] for entry in known.values())
    assert known["videomae:base"]["licence"].startswith("CC-BY-NC") and known["timm:convnext_tiny.in12k_ft_in1k"]


def test_weights_list_has_every_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(APPS["extract"], "weights", "list") == 0
    shown = " ".join(capsys.readouterr().out.split())
    for text in ("tsm-r50-8f-kinetics400 tsm_", " MIT ", "timm-package", "x3d:m 16 Apache-2.0", "dinov3-license"):
        assert text in shown
