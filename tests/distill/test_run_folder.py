"""Run folders: killed and resumed, refused, finished, loaded; and the command line."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from typer.testing import CliRunner

from common.errors import UserError
from common.files import sha256_of
from distill import train_runs as training
from distill.checkpoint import load_state, save_state
from distill.commands.app import app
from distill.feature_set import FeatureSet, make_feature_set
from distill.run_folder import CompletionRecord, ModelRun, load_run, read_completion, read_settings
from distill.side_by_side import train_together
from distill.train_runs import train_runs
from distill.training_plan import TrainingPlan, make_training_plan
from distill.training_state import EpochResult, ModelId
from extract.cache import Cache, read_cache
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from manifests.manifest import Manifest, read_manifest, write_manifest
from manifests.recipes.recipe import Recipe
from manifests.recipes.training import Labels

RECIPE = """
name = "made-up"
seeds = [0]
[data]
dataset = "ucf101"
protocol = "made-up"
[teacher]
hidden = 4
[student]
hidden = 8
[distillation]
beta = 0.5
[training]
epochs = 8
batch_size = 8
input_dropout = 0.2
"""

# Trains into one folder in a process for each moment; each is killed at the COUNT-th call of a function.
# The processes are forked from one that has imported everything, for that takes longer than the training.
KILLED_TRAININGS = """
import json, os, signal, sys
from pathlib import Path
import torch
import torch.utils.tensorboard
from common import tensor_files, training_run
from distill import train_runs
from distill.feature_set import make_feature_set
from distill.run_folder import ModelRun
from distill.training_plan import make_training_plan
from distill.training_state import ModelId
from extract.cache import read_cache
from manifests.recipes.recipe import read_recipe
from manifests.manifest import read_manifest

def train_until(name, count, save_seconds):
    train_runs.SAVE_SECONDS = save_seconds
    module = tensor_files if name == "atomic_write" else training_run
    original, calls = getattr(module, name), []

    def killed(*arguments):
        calls.append(1)
        if len(calls) == count:
            if name == "atomic_write":
                original(*arguments).__enter__().write_bytes(b"half of it")
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)

    setattr(module, name, killed)
    train_runs.train_runs([ModelRun(ModelId("without", seed), out / str(seed)) for seed in (0, 1)], plan, data)

torch.set_num_threads(1)
inputs, out = Path(sys.argv[1]), Path(sys.argv[2])
data = make_feature_set(read_cache(inputs / "cache.h5"), read_manifest(inputs / "clips.csv"))
plan = make_training_plan(read_recipe(inputs / "recipe.toml"))
for moment in json.loads(sys.argv[3]):
    process = os.fork()
    if process == 0:
        train_until(*moment)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(process, 0)[1]) == signal.SIGKILL, moment
    assert not (out / "1" / "done.json").exists()
"""


@pytest.fixture
def inputs(tmp_path: Path, cache: Cache, manifest: Manifest) -> Path:
    """A recipe, a manifest and a cache as files."""
    write_manifest(manifest, tmp_path / "clips.csv")
    columns = zip(cache.clip_id, cache.features, cache.num_frames, cache.valid, strict=True)
    write_cache(tmp_path / "cache.h5", (Row(*row) for row in columns), cache.clip_id, (5, 6), cache.settings)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def train_run(
    folder: Path,
    plan: TrainingPlan,
    data: FeatureSet,
    seed: int = 0,
    method: str = "without",
    teacher: Path | None = None,
    progress: Callable[[EpochResult], None] | None = None,
) -> CompletionRecord:
    """Train one model by itself."""
    told = None if progress is None else lambda job, epoch: progress(epoch)
    return train_runs([ModelRun(ModelId(method, seed), folder, teacher)], plan, data, told)[0]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != ".lock"}


def test_killed_at_any_moment_the_same_bytes_come_out(inputs: Path, folder: Path) -> None:
    moments = [
        ("atomic_write", 1, 0.0),  # half of the first resume state on the disk
        ("write_metrics", 2, 0.0),  # epoch 1 saved, the curves of the first model only
        ("atomic_write", 3, 0.0),  # half of the state of epoch 4
        ("write_metrics", 5, 1e9),  # curves ahead of the state: epochs 4 and 5 were not saved
        ("write_metrics", 9, 0.0),  # all epochs saved, the last one in the curves of the first model only
        ("atomic_write", 1, 0.0),  # half of the first model's weights
        ("sha256_of", 1, 0.0),  # weights written, not the completion record
        ("sha256_of", 2, 0.0),  # the first model finished, not the second
    ]
    command = [sys.executable, "-c", KILLED_TRAININGS, str(inputs), str(folder), json.dumps(moments)]
    killed = subprocess.run(command, capture_output=True, text=True)
    assert killed.returncode == 0, killed.stderr
    assert (folder / "0" / "done.json").exists()
    with pytest.raises(UserError, match="no finished run"):
        load_run(folder / "1")

    data = make_feature_set(read_cache(inputs / "cache.h5"), read_manifest(inputs / "clips.csv"))
    record = json.loads((folder / "0" / "recipe.json").read_text())["recipe"]
    plan = make_training_plan(Recipe.model_validate(record))
    assert (folder / "0" / "resume.safetensors").exists()
    straight = folder.with_name("straight")
    runs = {
        there: [ModelRun(ModelId("without", seed), there / str(seed)) for seed in (0, 1)]
        for there in (folder, straight)
    }
    assert train_runs(runs[folder], plan, data) == train_runs(runs[straight], plan, data)
    for one, other in zip(runs[folder], runs[straight], strict=True):
        assert contents(one.folder) == contents(other.folder)
        assert not list(one.folder.glob(".*.tmp"))
        names = {"recipe.json", "metrics.csv", "weights.safetensors", "model.json", "done.json"}
        assert names == contents(one.folder).keys()


def test_states_survive_the_disk(data: FeatureSet, plan: TrainingPlan, tmp_path: Path) -> None:
    state = train_together([ModelId("teacher", 0), ModelId("teacher", 1)], plan, data)
    save_state(tmp_path / "resume.safetensors", state, ["one", "other"])
    back, members = load_state(tmp_path / "resume.safetensors")
    assert members == ["one", "other"]
    assert back.histories == state.histories
    for there, here in [(back.weights, state.weights), (back.momentum, state.momentum), (back.best, state.best)]:
        assert there.keys() == here.keys()
        assert all(torch.equal(there[name], here[name]) for name in here)


def test_what_trained_together_goes_on_by_itself_or_with_others(
    data: FeatureSet, plan: TrainingPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted training is found by what it is a training of, wherever its state was saved."""
    monkeypatch.setattr(training, "SAVE_SECONDS", 0.0)
    runs = [ModelRun(ModelId("without", seed), tmp_path / str(seed)) for seed in range(4)]

    def stop(job: ModelId, epoch: EpochResult) -> None:
        if epoch.epoch == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_runs(runs[:3], plan, data, stop)
    (tmp_path / "1" / "recipe.json").unlink()  # begun anew, and so are
    (tmp_path / "1" / "metrics.csv").unlink()  # its curves
    shutil.rmtree(tmp_path / "1" / "tensorboard")
    told: list[tuple[int, int]] = []
    train_runs([runs[3], *runs[:3]], plan, data, lambda job, epoch: told.append((job.seed, epoch.epoch)))
    assert sorted(told) == [(seed, epoch) for seed in range(4) for epoch in range(1, 7)]
    assert not list(tmp_path.glob("*/resume.safetensors"))
    for run in runs:
        alone = tmp_path / "alone" / run.folder.name
        train_run(alone, plan, data, run.model.seed)
        mine, theirs = (load_run(folder).state_dict() for folder in (run.folder, alone))
        for name in mine:
            torch.testing.assert_close(mine[name], theirs[name], rtol=1e-4, atol=1e-6)


def test_a_few_at_once_one_after_another(
    data: FeatureSet, plan: TrainingPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a machine is better off with small stacks, and stopped in the second of them."""
    monkeypatch.setattr(training, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(training, "models_at_once", lambda network, device: 2)
    order: list[tuple[int, int]] = []

    def stop(job: ModelId, epoch: EpochResult) -> None:
        order.append((job.seed, epoch.epoch))
        if (job.seed, epoch.epoch) == (2, 3):
            raise KeyboardInterrupt

    runs = {
        there: [ModelRun(ModelId("without", seed), tmp_path / there / str(seed)) for seed in range(3)] for there in "ab"
    }
    with pytest.raises(KeyboardInterrupt):
        train_runs(runs["a"], plan, data, stop)
    assert order[:4] == [(0, 1), (1, 1), (0, 2), (1, 2)] and order[-1] == (2, 3)
    assert [(run.folder / "done.json").exists() for run in runs["a"]] == [True, True, False]
    assert train_runs(runs["a"], plan, data) == train_runs(runs["b"], plan, data)
    for one, other in zip(runs["a"], runs["b"], strict=True):
        assert contents(one.folder) == contents(other.folder)


def test_metrics_and_tensorboard_tell_the_history(
    data: FeatureSet, plan: TrainingPlan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.summary.writer import event_file_writer

    # Files of one second are read in the order of their names, in which number 10 of a process comes before number 9.
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))

    def stop(epoch: EpochResult, last: int) -> None:
        if epoch.epoch == last:
            raise KeyboardInterrupt

    for last, save_seconds in [(2, 0.0), (4, 1e9)]:  # epochs 3 and 4 are trained twice, and told once
        monkeypatch.setattr(training, "SAVE_SECONDS", save_seconds)
        with pytest.raises(KeyboardInterrupt):
            train_run(folder, plan, data, 0, "teacher", progress=partial(stop, last=last))
    epochs: list[EpochResult] = []
    train_run(folder, plan, data, 0, "teacher", progress=epochs.append)
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    for row, epoch in zip(rows, epochs, strict=True):
        assert float(row["validation_auc"]) == epoch.validation_auc
        assert float(row["train_loss"]) == epoch.loss
        columns = [f"validation_accuracy_{percent}" for percent in (20, 40, 60, 80, 100)]
        assert tuple(float(row[column]) for column in columns) == epoch.validation_accuracy
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    points = [(point.step, point.value) for point in events.Scalars("validation_auc")]
    assert points == [(epoch.epoch, pytest.approx(epoch.validation_auc)) for epoch in epochs]


def test_a_finished_run_returns_at_once(
    data: FeatureSet, recipe: Recipe, plan: TrainingPlan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = train_run(folder, plan, data)
    assert finished.weights_sha256 == sha256_of(folder / "weights.safetensors")
    assert not (folder / "resume.safetensors").exists()
    before = contents(folder)

    def never(*arguments: object, **keywords: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(training, "train_together", never)
    assert train_run(folder, plan, data) == finished
    # The weights of Eq. 4 do not touch a run without distillation.
    other_alpha = recipe.model_copy(update={"distillation": recipe.distillation.model_copy(update={"alpha": 0.9})})
    assert train_run(folder, make_training_plan(other_alpha), data) == finished
    assert contents(folder) == before


def test_other_settings_are_refused_by_name(
    data: FeatureSet, make_plan: Callable[..., TrainingPlan], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(epoch: EpochResult) -> None:
        raise KeyboardInterrupt

    def run(plan: TrainingPlan, data: FeatureSet, seed: int) -> None:
        train_run(folder, plan, data, seed, progress=stop)

    other_cache = replace(data, cache_sha256="d" * 64)
    for unfinished in (True, False):
        if unfinished:
            with pytest.raises(KeyboardInterrupt):
                run(make_plan(), data, 0)
        else:
            train_run(folder, make_plan(), data)
        before = contents(folder)
        with pytest.raises(UserError, match=r"other settings \(training\.momentum: 0\.9 there, 0\.5 wanted\)"):
            run(make_plan(momentum=0.5), data, 0)
        with pytest.raises(UserError, match=r"\(seed: 0 there, 1 wanted, data\.cache_sha256: ccc"):
            run(make_plan(), other_cache, 1)
        with pytest.raises(UserError, match=r"\(method: without there, teacher wanted"):
            train_run(folder, make_plan(), data, 0, "teacher")
        if unfinished:  # bits of two versions are not mixed in one run
            monkeypatch.setattr(torch, "__version__", "0.0")
            with pytest.raises(UserError, match=r"versions\.torch: .* there, 0\.0 wanted"):
                run(make_plan(), data, 0)
            monkeypatch.undo()
        else:  # a finished run is only read
            monkeypatch.setattr(torch, "__version__", "0.0")
            monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
            train_run(folder, make_plan(), data)
        assert contents(folder) == before


def test_a_folder_of_something_else_is_refused(data: FeatureSet, plan: TrainingPlan, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"not empty \(thesis\.tex is in it\)"):
        train_run(folder, plan, data)


def test_a_folder_that_cannot_be_written_is_a_sentence(data: FeatureSet, plan: TrainingPlan, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="cannot write the run folder"):
        train_run(tmp_path / "file" / "run", plan, data)


def test_a_finished_run_is_read_from_a_folder_that_cannot_be_written(
    data: FeatureSet, plan: TrainingPlan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = train_run(folder, plan, data)

    def read_only(*arguments: object, **keywords: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(FileLock, "acquire", read_only)
    assert train_run(folder, plan, data) == finished
    load_run(folder)
    with pytest.raises(UserError, match=r"cannot write the run folder .*: Read-only file system"):
        train_run(folder.with_name("new"), plan, data)


def test_the_second_process_is_turned_away(data: FeatureSet, plan: TrainingPlan, folder: Path) -> None:
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"), pytest.raises(UserError, match="another process is training into"):
        train_run(folder, plan, data)
    train_run(folder, plan, data)


def test_teacher_and_student_through_their_folders(data: FeatureSet, plan: TrainingPlan, tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match="method 'with' needs a teacher, trained with method 'teacher'; .* --teacher",
    ):
        train_run(tmp_path / "with", plan, data, 0, "with")
    train_run(tmp_path / "teacher", plan, data, 0, "teacher")
    train_run(tmp_path / "with", plan, data, 0, "with", tmp_path / "teacher")
    settings = read_settings(tmp_path / "with")
    assert settings["teacher_weights_sha256"] == read_completion(tmp_path / "teacher").weights_sha256
    assert settings["distillation"] == plan.trained["with"].settings.model_dump()
    assert settings["data"]["clips"] == {"train": 30, "validation": 18}

    student, teacher = load_run(tmp_path / "with"), load_run(tmp_path / "teacher")
    assert (student.kind, teacher.kind) == ("gru", "bigru")
    assert isinstance(student.recurrent, torch.nn.GRU) and isinstance(teacher.recurrent, torch.nn.GRU)
    assert (student.recurrent.input_size, student.recurrent.hidden_size, student.classifier.out_features) == (6, 8, 3)
    assert (teacher.recurrent.hidden_size, teacher.recurrent.bidirectional) == (4, True)
    assert not student.training and not teacher.training

    train = data.splits["train"]
    seen_others = replace(data, splits={**data.splits, "train": replace(train, labels=train.labels.flip(0))})
    with pytest.raises(UserError, match=r"is not the teacher of method 'with' here \(data\.labels_sha256"):
        train_run(tmp_path / "leak", plan, seen_others, 0, "with", tmp_path / "teacher")


def test_a_teacher_that_was_shown_other_labels_or_is_none_is_refused(
    data: FeatureSet, plan: TrainingPlan, tmp_path: Path
) -> None:
    few = replace(plan, labels=Labels(fraction=0.2))
    train_run(tmp_path / "all", plan, data, 0, "teacher")
    train_run(tmp_path / "few", few, data, 0, "teacher")
    train_run(tmp_path / "without", plan, data, 0)
    with pytest.raises(UserError, match=r"teacher of method 'with' here \(labels\.fraction: 1\.0 there, 0\.2 wanted\)"):
        train_run(tmp_path / "with", few, data, 0, "with", tmp_path / "all")
    with pytest.raises(UserError, match=r"\(labels\.fraction: 0\.2 there, 1\.0 wanted\)"):
        train_run(tmp_path / "with", plan, data, 0, "with", tmp_path / "few")
    with pytest.raises(UserError, match=r"\(seed: 0 there, 1 wanted\)"):  # another seed has other labelled clips
        train_run(tmp_path / "with", few, data, 1, "with", tmp_path / "few")
    with pytest.raises(UserError, match=r"\(method: without there, teacher wanted\)"):
        train_run(tmp_path / "with", plan, data, 0, "with", tmp_path / "without")
    with pytest.raises(UserError, match="method 'without' has no teacher, and --teacher .* is given"):
        train_run(tmp_path / "new", plan, data, 0, "without", tmp_path / "all")
    train_run(tmp_path / "with", few, data, 0, "with", tmp_path / "few")


def test_the_labelled_clips_are_written_down(data: FeatureSet, plan: TrainingPlan, tmp_path: Path) -> None:
    few = replace(plan, labels=Labels(fraction=0.2))
    train_runs([ModelRun(ModelId("without", seed), tmp_path / str(seed)) for seed in (0, 1)], few, data)
    names = [(tmp_path / str(seed) / "labelled.txt").read_text().split() for seed in (0, 1)]
    for some in names:
        assert [sum(name.startswith(f"train_{kind}_") for name in some) for kind in ("clap", "jump", "wave")] == [2] * 3
    assert names[0] != names[1]


def test_damaged_weights_are_refused(data: FeatureSet, plan: TrainingPlan, folder: Path) -> None:
    train_run(folder, plan, data)
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(content)
    with pytest.raises(UserError, match="not the file that the training wrote"):
        load_run(folder)
    with pytest.raises(UserError, match="not the file that the training wrote"):
        train_run(folder, plan, data)


def test_command_line(inputs: Path) -> None:
    common = ["train", inputs / "recipe.toml", "--manifest", inputs / "clips.csv", "--cache", inputs / "cache.h5"]

    def call(*arguments: str | Path) -> str:
        result = CliRunner().invoke(app, [str(argument) for argument in [*common, *arguments]])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    assert "at epoch" in call("--out", inputs / "teacher", "--method", "teacher", "--seed", "2")
    assert "at epoch" in call("--out", inputs / "with", "--teacher", inputs / "teacher", "--seed", "2")
    assert "at epoch" in call("--out", inputs / "without", "--method", "without", "--seed", "2")
    record = json.loads(call("--out", inputs / "without", "--method", "without", "--seed", "2", "--json"))
    assert record["weights_sha256"] == sha256_of(inputs / "without" / "weights.safetensors")
    assert [read_settings(inputs / name)["seed"] for name in ("teacher", "with", "without")] == [2, 2, 2]
    with pytest.raises(UserError, match="no device 'abacus'"):
        call("--out", inputs / "other", "--device", "abacus")
    (inputs / "recipe.toml").write_text(RECIPE.replace('protocol = "made-up"', 'protocol = "sysu"'))
    with pytest.raises(UserError, match=r"for protocol sysu, .* is made-up"):
        call("--out", inputs / "other")
