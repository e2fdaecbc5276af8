"""Which model is taken from a folder, and what is refused: no model, not finished, damaged, of an earlier version."""

import json
import os
import shutil
from pathlib import Path

import pytest

from common.errors import UserError
from distill.model_description import MODEL
from evaluate.live.recogniser import Recogniser
from evaluate.live.trained_model import find_model


@pytest.fixture
def copied(one_stream: Path, tmp_path: Path) -> Path:
    """A copy of the reproduction that a test may change."""
    shutil.copytree(one_stream, tmp_path / "out")
    return tmp_path / "out"


def test_the_default_is_with_and_all_seeds(one_stream: Path) -> None:
    model = find_model(one_stream)
    assert model.description.method == "with" and model.seeds == (0, 1)
    assert model.summary == "With distillation (with), the mean over the seeds 0, 1"
    assert model.files == tuple(one_stream / "runs" / f"seed{seed}" / "with" / "weights.safetensors" for seed in (0, 1))
    for folder in (one_stream / "runs" / "seed1" / "with", one_stream / "runs"):
        assert find_model(folder, seed=1).summary == "With distillation (with), seed 1"
    assert find_model(one_stream, "teacher", 0).summary.endswith("each of its answers depends on the whole recording")


def test_without_with_the_last_student_is_taken(copied: Path) -> None:
    for seed in (0, 1):
        shutil.rmtree(copied / "runs" / f"seed{seed}" / "with")
    assert find_model(copied).description.method == "without"
    for seed in (0, 1):
        shutil.rmtree(copied / "runs" / f"seed{seed}" / "without")
    assert find_model(copied).description.method == "teacher"


def test_models_of_few_labels(copied: Path) -> None:
    runs = copied / "runs"
    (runs / "labels-0.1").mkdir()
    for seed in (0, 1):
        shutil.move(runs / f"seed{seed}", runs / "labels-0.1")
    assert find_model(copied).files[0].is_relative_to(runs / "labels-0.1")
    assert find_model(runs / "labels-0.1").seeds == (0, 1)
    shutil.copytree(runs / "labels-0.1", runs / "labels-0.2")
    with pytest.raises(UserError, match=r"several shares of labels; give one of .*labels-0.1, .*labels-0.2"):
        find_model(copied)


@pytest.mark.parametrize(
    ("method", "seed", "sentence"),
    [
        ("wiht", None, "no method 'wiht'; did you mean 'with'?"),
        ("knn", None, "knn trains no network, so it has no run folder.*without, with"),
        ("east", None, "east was not trained in .*; there are"),
        (None, 7, "no seed 7 of with in .*; there are 0, 1"),
    ],
)
def test_an_unknown_choice_is_refused_with_those_that_are_there(
    one_stream: Path, method: str | None, seed: int | None, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        find_model(one_stream, method, seed)


def test_a_run_folder_has_one_method_and_one_seed(one_stream: Path) -> None:
    run = one_stream / "runs" / "seed1" / "with"
    with pytest.raises(UserError, match="no method 'wit'; did you mean 'with'"):
        find_model(run, "wit")
    with pytest.raises(UserError, match="no seed 0 in .*; there are 1"):
        find_model(run, seed=0)


def test_what_is_no_model_is_refused(tmp_path: Path, copied: Path) -> None:
    with pytest.raises(UserError, match="the model .*nowhere does not exist"):
        find_model(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty is no trained model: neither a run folder, nor what"):
        find_model(tmp_path / "empty")
    (tmp_path / "empty" / "recipe.toml").touch()
    with pytest.raises(
        UserError, match=r"empty is no .*`python -m evaluate reproduce .*empty/recipe\.toml` trains one"
    ):
        find_model(tmp_path / "empty")
    with pytest.raises(UserError, match=f"no trained model.*in it are {copied}: give one of these"):
        find_model(tmp_path)
    with pytest.raises(UserError, match="is a file and not a folder"):
        find_model(copied / "table.csv")


def test_a_misspelt_folder_gets_the_near_one(copied: Path) -> None:
    with pytest.raises(UserError, match=f"does not exist; did you mean {copied}\\?"):
        find_model(copied.with_name("outt"))


@pytest.mark.parametrize("there", ["auto.json", "features.h5.run/shard", "features-va_cnn/epoch"])
def test_a_reproduction_without_models_is_not_finished(tmp_path: Path, there: str) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).touch()
    with pytest.raises(UserError, match=r"is not finished.*`python -m evaluate reproduce RECIPE --out .*` resumes it"):
        find_model(tmp_path)


def test_the_models_of_the_clips_that_were_trained_last_are_taken(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, unfinished = copied / "clips-01234567", copied / "clips-76543210"
    shutil.copytree(copied, tmp_path / "copy")
    shutil.move(tmp_path / "copy", other)
    shutil.copytree(copied / "runs", unfinished / "runs")
    os.utime(other / "table.md", (2e9, 2e9))
    assert find_model(copied).files[0].is_relative_to(other)
    notice = capsys.readouterr().err
    assert notice.startswith(f"the models in {other}/runs are taken, because their results were finished last")
    assert f"are in {copied}/runs, {unfinished}/runs (not finished): give" in notice
    assert Recogniser.load(copied, device="cpu").summary
    assert f"the models in {other}/runs are taken" in capsys.readouterr().err
    os.utime(copied / "table.md", (2.1e9, 2.1e9))  # the first clips are there again
    assert find_model(copied).files[0].is_relative_to(copied / "runs")
    assert find_model(other).files[0].is_relative_to(other)


def test_a_training_that_is_not_finished_is_refused(copied: Path) -> None:
    (copied / "runs" / "seed1" / "with" / "done.json").unlink()
    with pytest.raises(
        UserError,
        match="seed1/with is not finished; run the same `python -m evaluate reproduce …` again, it resumes, or",
    ):
        find_model(copied)
    assert find_model(copied, seed=0).seeds == (0,)


def test_a_run_of_an_earlier_version_is_refused_with_the_remedy(copied: Path) -> None:
    (copied / "runs" / "seed0" / "with" / MODEL).unlink()
    with pytest.raises(UserError, match="seed0/with has no model.json.*run the same `reproduce`.*the file is added"):
        find_model(copied)


def test_damaged_files_are_refused(copied: Path) -> None:
    run = copied / "runs" / "seed0" / "with"
    weights = run / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match="weights.safetensors is not the file that the training wrote"):
        find_model(run)
    weights.write_bytes(content)
    (run / MODEL).write_text("{")
    with pytest.raises(UserError, match="cannot read .*model.json"):
        find_model(run)


def test_runs_of_other_features_are_not_averaged(copied: Path) -> None:
    path = copied / "runs" / "seed1" / "with" / MODEL
    content = json.loads(path.read_text())
    content["streams"]["features"]["settings"]["frames_per_segment"] = 4
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="no models of one recipe .frames_per_segment: 2 there, 4 wanted"):
        find_model(copied)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"weights_sha256": "random seed=1"},
            "does not fit the model .weights_sha256: random seed=1 there, random seed=0",
        ),
        ({"segment_rule": "another"}, "does not fit the model .segment_rule: another there"),
        ({"backbone": "none"}, "stream features cannot be made here: there is no backbone none"),
        ({"weights": "my.pth"}, "not here: they were the file my.pth with sha256 random.*--weights features=FILE"),
    ],
)
def test_a_backbone_that_does_not_fit_is_refused_by_the_setting(
    copied: Path, changes: dict[str, str], sentence: str
) -> None:
    run = copied / "runs" / "seed1" / "with"
    content = json.loads((run / MODEL).read_text())
    content["streams"]["features"]["settings"] |= changes
    (run / MODEL).write_text(json.dumps(content))
    with pytest.raises(UserError, match=sentence):
        Recogniser.load(run, device="cpu")


def test_weights_that_are_given_must_be_those_of_the_training(copied: Path) -> None:
    run = copied / "runs" / "seed1" / "with"
    with pytest.raises(UserError, match="weights.safetensors is not the file of weights that stream features was made"):
        Recogniser.load(run, device="cpu", weights=run / "weights.safetensors")
    with pytest.raises(UserError, match="do not exist"):
        Recogniser.load(run, device="cpu", weights={"features": copied / "nowhere"})
    with pytest.raises(UserError, match="the model has no stream rgb; its streams are features"):
        Recogniser.load(run, device="cpu", weights={"rgb": run})
