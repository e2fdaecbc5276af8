"""Several streams, from synthetic caches to the table: early fusion, late fusion, both, and interrupted runs.

The extraction and the training of the VA-CNN are replaced by functions that record their arguments.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from common.command_line import run_cli
from common.errors import UserError
from distill.early_fusion import join_caches
from distill.run_folder import read_settings
from evaluate.commands.app import app
from evaluate.pipeline.inputs import PipelineInputs, StageProgress
from evaluate.pipeline.reproduction import Result, reproduce
from evaluate.scoring.predictions import Predictions, read_predictions
from extract.cache import read_cache
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from extract.extraction import Extraction, RunControl
from extract.machine import Machine
from extract.va_cnn.run_folder import VaCnnData, clip_settings
from manifests.manifest import Manifest, read_manifest, write_manifest
from manifests.recipes.extraction import VaCnn
from manifests.recipes.recipe import Recipe, read_recipe

CLASSES = ("drink", "pour", "sweep")
SPLITS = {"train": 6, "validation": 3, "test": 6}
N = 3
WIDTH = {"rgb": 4, "skeleton": 2}
WEIGHTS = {"rgb": "random", "skeleton": "va.safetensors"}
VARIANTS = {"without": "Without distillation", "with": "With distillation"}
MACHINE = Machine(device="cpu")
SMALL_MODELS = (Path(__file__).parents[2] / "data" / "small_models.toml").read_text()
HEAD = (
    """
name = "two"
seeds = [0, 1]
fusion = "{fusion}"
[data]
dataset = "other"
protocol = "made-up"
"""
    + SMALL_MODELS
)
RGB = """
[streams.rgb]
backbone = "tsm_resnet50"
weights = "random"
column = "path_rgb"
segments = 3
"""
SKELETON = """
[streams.skeleton]
backbone = "va_cnn"
weights = "train"
column = "path_skeleton"
segments = 3
va_cnn = { epochs = 7 }
"""
MODELS_OF_A_STREAM = 2 * 3  # seeds; teacher and two students


@pytest.fixture(scope="module", autouse=True)
def on_one_core() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_recipe(folder: Path, fusion: str, streams: str = RGB + SKELETON) -> Recipe:
    (folder / "recipe.toml").write_text(HEAD.format(fusion=fusion) + streams)
    return read_recipe(folder / "recipe.toml")


def features_of(name: str, label: int, number: int) -> np.ndarray:
    """Return features (N, width): the class plus noise."""
    noise = np.random.default_rng([len(name), label, number]).normal(size=(N, WIDTH[name]))
    return (noise + np.eye(3, WIDTH[name])[label]).astype(np.float32)


def write_stream(path: Path, name: str, clips: pd.DataFrame, failed: tuple[str, ...] = (), **more: object) -> None:
    """Write the cache of a stream, in the order of `clips`; failed ones are zeros and not valid."""
    rows = []
    for number, (clip_id, label) in enumerate(zip(clips["clip_id"], clips["label"].astype(int), strict=True)):
        number = int(clips.index[number])
        ok = clip_id not in failed
        rows.append(Row(clip_id, features_of(name, label, number) * np.float32(ok), 30 * ok, ok))
    backbone = {"rgb": "tsm_resnet50", "skeleton": "va_cnn"}[name]
    settings = {"backbone": backbone, "weights": WEIGHTS[name], **more}
    write_cache(path, rows, clips["clip_id"].tolist(), (N, WIDTH[name]), settings)


def prepare(folder: Path) -> PipelineInputs:
    """Write a manifest with a column of paths for each stream, and a cache for each stream."""
    columns = ["clip_id", "path", "label", "class_name", "group", "split", "protocol"]
    rows = [
        (f"{split}{number}", f"{split}{number}", number % 3, CLASSES[number % 3], "s1", split, "made-up")
        for split, count in SPLITS.items()
        for number in range(count)
    ]
    clips = pd.DataFrame(rows, columns=columns)
    clips = clips.assign(path_rgb=clips["clip_id"] + "/rgb", path_skeleton=clips["clip_id"] + ".mat")
    write_manifest(Manifest(clips, CLASSES), folder / "m.csv")
    caches = {name: folder / f"given-{name}.h5" for name in WIDTH}
    for name, path in caches.items():
        write_stream(path, name, clips)
    return PipelineInputs(folder / "out", manifest=folder / "m.csv", caches=caches)


@pytest.fixture
def inputs(tmp_path: Path) -> PipelineInputs:
    return prepare(tmp_path)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a comparison without any interruption. Tests must not write into it."""
    folder = tmp_path_factory.mktemp("compared")
    return reproduce(make_recipe(folder, "compare"), prepare(folder), MACHINE)


def predicted(out: Path, *file: str) -> Predictions:
    return read_predictions(out.joinpath("predictions", *file))


def results(out: Path) -> dict[str, bytes]:
    files = [*out.glob("table.*"), *out.glob("figure.*"), *out.rglob("predictions/**/*.h5")]
    files += out.rglob("weights.safetensors")
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def runs(out: Path) -> set[str]:
    return {path.parent.relative_to(out / "runs").as_posix() for path in out.rglob("done.json")}


def runs_in(*folders: str) -> set[str]:
    models = ("teacher", "without", "with")
    return {f"{folder}seed{seed}/{model}" for folder in folders for seed in (0, 1) for model in models}


def test_early_fusion_is_one_student_on_joined_features(inputs: PipelineInputs, tmp_path: Path) -> None:
    result = reproduce(make_recipe(tmp_path, "early"), inputs, MACHINE)
    assert list(result.scores) == [f"{variant}, early fusion" for variant in VARIANTS.values()]
    assert runs(inputs.out) == runs_in("")
    joined = join_caches({name: read_cache(inputs.caches[name]) for name in ("rgb", "skeleton")})
    assert read_settings(inputs.out / "runs/seed0/with")["data"]["cache_sha256"] == joined.content_sha256
    shapes = {file.name: file for file in (inputs.out / "predictions").rglob("*")}
    assert set(shapes) == {f"{variant}-seed{seed}.h5" for variant in VARIANTS for seed in (0, 1)}
    caption = result.table_file.read_text().splitlines()[0]
    assert "; backbone rgb: tsm_resnet50 (random), skeleton: va_cnn (va.safetensors); random weights. " in caption


def test_late_fusion_is_the_mean_of_the_students_of_each_stream(inputs: PipelineInputs, tmp_path: Path) -> None:
    result = reproduce(make_recipe(tmp_path, "late"), inputs, MACHINE)
    assert list(result.scores) == [f"{variant}, late fusion" for variant in VARIANTS.values()]
    assert runs(inputs.out) == runs_in("rgb/", "skeleton/")
    labels = read_manifest(inputs.manifest).split("test").set_index("clip_id")["label"]
    for variant, name in VARIANTS.items():
        for seed in (0, 1):
            file = f"{variant}-seed{seed}.h5"
            rgb, skeleton = predicted(inputs.out, "rgb", file), predicted(inputs.out, "skeleton", file)
            fused = predicted(inputs.out, f"late-fusion-{file}")
            assert rgb.clip_ids == skeleton.clip_ids == fused.clip_ids
            assert (rgb.method, fused.method) == (f"{name}, rgb", f"{name}, late fusion")
            assert not np.array_equal(rgb.probabilities, skeleton.probabilities)
            mean = (rgb.probabilities.astype(float) + skeleton.probabilities) / 2
            assert np.allclose(fused.probabilities, mean, rtol=0, atol=1e-7)
            guesses = pd.DataFrame(fused.probabilities.argmax(axis=2), index=fused.clip_ids).loc[labels.index]
            right = guesses.to_numpy() == labels.to_numpy()[:, None]
            assert np.array_equal(result.scores[fused.method][seed].accuracy, right.mean(axis=0))


def test_compare_has_each_stream_alone_and_both_fusions(compared: Result) -> None:
    out = compared.table_file.parent
    kinds = ("rgb", "skeleton", "early fusion", "late fusion")
    assert list(compared.scores) == [f"{variant}, {kind}" for kind in kinds for variant in VARIANTS.values()]
    assert all([score.seed for score in scores] == [0, 1] for scores in compared.scores.values())
    assert runs(out) == runs_in("rgb/", "skeleton/", "")
    table = compared.table_file.read_text()
    assert [line.split("|")[1].strip() for line in table.splitlines()[4:]] == list(compared.scores)
    assert "; backbone rgb: tsm_resnet50 (random), skeleton: va_cnn (va.safetensors); " in table
    assert "; random weights in rgb, early fusion, late fusion. " in table
    assert {method: score.provenance["random_weights"] for method, (score, _) in compared.scores.items()} == {
        method: not method.endswith(", skeleton") for method in compared.scores
    }
    for method, scores in compared.scores.items():
        seen = {"rgb", "skeleton"} & {method.split(", ")[1]} or {"rgb", "skeleton"}
        given = {name: read_cache(out.parent / f"given-{name}.h5") for name in seen}
        assert scores[0].provenance["caches"] == {
            name: {"content_sha256": cache.content_sha256, "settings": cache.settings} for name, cache in given.items()
        }


@pytest.mark.parametrize(("fusion", "folders"), [("early", [""]), ("late", ["rgb/", "skeleton/"])])
def test_a_row_is_the_same_alone_and_compared_and_is_not_trained_again(
    compared: Result, inputs: PipelineInputs, tmp_path: Path, fusion: str, folders: list[str]
) -> None:
    one = reproduce(make_recipe(tmp_path, fusion), inputs, MACHINE)
    stamps = {path: path.stat().st_mtime_ns for path in inputs.out.rglob("weights.safetensors")}
    assert len(stamps) == MODELS_OF_A_STREAM * len(folders)
    both = reproduce(make_recipe(tmp_path, "compare"), inputs, MACHINE)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    for method, scores in one.scores.items():
        for score, again, elsewhere in zip(scores, both.scores[method], compared.scores[method], strict=True):
            assert score.accuracy.tolist() == again.accuracy.tolist() == elsewhere.accuracy.tolist()
    assert results(inputs.out).keys() == results(compared.table_file.parent).keys()


def test_an_interrupted_run_resumes_and_counts_every_epoch_once(
    compared: Result, inputs: PipelineInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distill.train_runs.SAVE_SECONDS", 0.0)
    recipe = make_recipe(tmp_path, "compare")
    total = 3 * MODELS_OF_A_STREAM * 3  # rgb, skeleton, joined; three epochs
    seen: list[int] = []

    def stop(done: int, all_epochs: int) -> None:
        assert all_epochs == total
        seen.append(done)
        if done in (4, 23, total - 5) and seen.count(done) == 1:
            raise KeyboardInterrupt

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            reproduce(recipe, inputs, MACHINE, progress=StageProgress(epochs=stop))
        assert not (inputs.out / "table.md").exists()
    trained = {path: path.stat().st_mtime_ns for path in inputs.out.rglob("weights.safetensors")}
    seen.clear()
    reproduce(recipe, inputs, MACHINE, progress=StageProgress(epochs=lambda done, _: seen.append(done)))
    assert {path: path.stat().st_mtime_ns for path in trained} == trained
    # Teachers and students of each source found; of the last four models two epochs found and one trained.
    assert seen == [6, 18, 24, 36, 42, *range(43, total + 1), total]
    assert results(inputs.out) == results(compared.table_file.parent)


def test_the_order_of_clips_and_of_caches_does_not_matter(
    compared: Result, inputs: PipelineInputs, tmp_path: Path
) -> None:
    clips = read_manifest(inputs.manifest).clips
    write_stream(inputs.caches["skeleton"], "skeleton", clips.sample(frac=1, random_state=3))
    backwards = PipelineInputs(inputs.out, manifest=inputs.manifest, caches=dict(reversed(inputs.caches.items())))
    reproduce(make_recipe(tmp_path, "compare"), backwards, MACHINE)
    for file in (inputs.out / "predictions").rglob("*.h5"):
        other = compared.table_file.parent / file.relative_to(inputs.out)
        assert np.array_equal(read_predictions(file).probabilities, read_predictions(other).probabilities), file


def test_a_clip_that_one_stream_lacks_is_named_or_left_out_of_all(inputs: PipelineInputs, tmp_path: Path) -> None:
    clips = read_manifest(inputs.manifest).clips
    rgb, skeleton = (inputs.caches[name] for name in ("rgb", "skeleton"))
    write_stream(rgb, "rgb", clips, failed=("train2", "test1"))
    write_stream(skeleton, "skeleton", clips, failed=("test1", "test4", "validation0"))
    recipe = make_recipe(tmp_path, "compare")
    with pytest.raises(UserError) as refused:
        reproduce(recipe, inputs, MACHINE)
    for words in (
        "2 of 15 clips have no features in stream rgb: train2, test1; its run has no reasons here. ",
        "3 of 15 clips have no features in stream skeleton: validation0, test1, test4; ",
        f"Repair them and extract them where {rgb} was made and extract them where {skeleton} was made, or give --skip",
    ):
        assert words in str(refused.value)
    assert not inputs.out.exists()

    lenient = PipelineInputs(inputs.out, manifest=inputs.manifest, caches=inputs.caches, skip_failed=True)
    notices: list[str] = []
    result = reproduce(recipe, lenient, MACHINE, notices.append)
    assert [line.partition(":")[0] for line in notices] == [
        f"{count} of 15 clips have no features in stream {name}" for count, name in ((2, "rgb"), (3, "skeleton"))
    ]
    for scores in result.scores.values():
        assert scores[0].protocol == "made-up-subset"
        assert scores[0].clips == {"train": 5, "validation": 2, "test": 4}
    files = list((inputs.out / "predictions").rglob("*.h5"))
    assert len(files) == 16
    for file in files:
        clips_predicted = {"validation1", "validation2", "test0", "test2", "test3", "test5"}
        assert set(read_predictions(file).clip_ids) == clips_predicted


def test_a_single_named_stream_needs_no_fusion(inputs: PipelineInputs, tmp_path: Path) -> None:
    alone = PipelineInputs(inputs.out, manifest=inputs.manifest, caches={"rgb": inputs.caches["rgb"]})
    result = reproduce(make_recipe(tmp_path, "early", RGB), alone, MACHINE)
    assert list(result.scores) == list(VARIANTS.values())
    assert runs(inputs.out) == runs_in("")
    sha256 = read_cache(inputs.caches["rgb"]).content_sha256
    assert read_settings(inputs.out / "runs/seed0/with")["data"]["cache_sha256"] == sha256


@pytest.fixture
def recorded(inputs: PipelineInputs, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Replace extraction and VA-CNN training by functions that write synthetic caches; return their calls."""
    asked: list[tuple[Any, ...]] = []

    def extract(
        extraction: Extraction,
        control: RunControl,
    ) -> None:
        manifest, path = Path(extraction.clips), extraction.cache
        asked.append(("extract", manifest, extraction.videos, path.stem, extraction.config, extraction.machine))
        write_stream(path, path.stem.partition("-")[0], read_manifest(manifest).clips)
        for done in range(1, 16):
            control.progress(done, 15)

    def train_va_cnn(
        folder: Path,
        data: VaCnnData,
        config: VaCnn,
        machine: Machine,
        notify: Callable[[str], None],
        progress: Callable[..., None],
    ) -> Path:
        assert not data.skip_failed
        paths = data.manifest.clips[data.column].tolist()
        asked.append(("train", folder, paths, data.root, config, data.num_segments, machine))
        notify("a remark of the training")
        for epoch in (1, 2):  # of the seven: no improvement
            progress(epoch, config.epochs)
        return folder / "va.safetensors"

    monkeypatch.setattr("evaluate.pipeline.streams.train_va_cnn", train_va_cnn)
    monkeypatch.setattr("evaluate.pipeline.streams.extract", extract)
    return asked


def test_streams_that_are_not_given_are_extracted_after_the_training_of_the_va_cnn(
    inputs: PipelineInputs, tmp_path: Path, recorded: list[tuple[Any, ...]], compared: Result
) -> None:
    recipe = make_recipe(tmp_path, "compare")
    rgb, skeleton = recipe.streams.values()
    root = tmp_path / "files"
    root.mkdir()
    clips: list[tuple[int, int]] = []
    networks: list[tuple[int, int]] = []
    progress = StageProgress(clips=lambda *call: clips.append(call), va_cnn=lambda *call: networks.append(call))
    notices: list[str] = []
    reproduce(recipe, PipelineInputs(inputs.out, root, inputs.manifest), MACHINE, notices.append, progress)
    assert notices == ["a remark of the training"]
    weights = inputs.out / "skeleton-va_cnn" / "va.safetensors"
    paths = read_manifest(inputs.manifest).clips["path_skeleton"].tolist()
    assert recorded == [
        ("train", weights.parent, paths, root, skeleton.va_cnn, 3, MACHINE),
        ("extract", inputs.manifest, root, "rgb", rgb, MACHINE),
        (
            "extract",
            inputs.manifest,
            root,
            "skeleton",
            skeleton.model_copy(update={"weights": str(weights), "va_cnn": None}),
            MACHINE,
        ),
    ]
    assert clips == [(done, 30) for done in range(1, 31)]
    assert networks == [(1, 7), (2, 7), (7, 7)]
    assert results(inputs.out) == results(compared.table_file.parent)


def test_a_given_stream_is_not_extracted(
    inputs: PipelineInputs, tmp_path: Path, recorded: list[tuple[Any, ...]]
) -> None:
    (tmp_path / "files").mkdir()
    given = {"skeleton": inputs.caches["skeleton"]}
    result = reproduce(
        make_recipe(tmp_path, "early"), PipelineInputs(inputs.out, tmp_path / "files", inputs.manifest, given), MACHINE
    )
    assert [asked[:4:3] for asked in recorded] == [("extract", "rgb")]
    assert sorted(path.name for path in inputs.out.glob("*.h5")) == ["rgb.h5"]
    (_, seed0), *_ = ((method, scores[0]) for method, scores in result.scores.items())
    assert list(seed0.provenance["caches"]) == ["rgb", "skeleton"]


def test_va_cnn_defaults_and_the_section_extract(
    inputs: PipelineInputs, tmp_path: Path, recorded: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WIDTH, "features", 2)
    monkeypatch.setattr("evaluate.pipeline.streams.extract", partial(_as_skeleton, recorded))
    table = SKELETON.replace("streams.skeleton", "extract").replace("va_cnn = { epochs = 7 }", "")
    recipe = make_recipe(tmp_path, "early", table)
    reproduce(recipe, PipelineInputs(inputs.out, tmp_path, inputs.manifest), MACHINE)
    (trained,) = recorded
    assert trained[1] == inputs.out / "features-va_cnn"
    assert trained[4] == VaCnn()
    assert (inputs.out / "features.h5").exists()


def test_epochs_of_several_va_cnns_are_counted_together(
    inputs: PipelineInputs, tmp_path: Path, recorded: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def enough(*_: Any, **__: Any) -> None:
        raise UserError("enough")

    monkeypatch.setattr("evaluate.pipeline.streams.extract", enough)
    second = SKELETON.replace("streams.skeleton", "streams.other").replace("7", "3")
    recipe = make_recipe(tmp_path, "early", SKELETON + second)
    networks: list[tuple[int, int]] = []
    progress = StageProgress(va_cnn=lambda *call: networks.append(call))
    with pytest.raises(UserError, match="enough"):
        reproduce(recipe, PipelineInputs(inputs.out, tmp_path, inputs.manifest), MACHINE, progress=progress)
    assert [asked[1].name for asked in recorded] == ["skeleton-va_cnn", "other-va_cnn"]
    assert networks == [(1, 10), (2, 10), (7, 10), (8, 10), (9, 10), (10, 10)]


def _as_skeleton(asked: list[tuple[Any, ...]], extraction: Extraction, control: RunControl) -> None:
    write_stream(extraction.cache, "skeleton", read_manifest(Path(extraction.clips)).clips)


def no_column(folder: Path, inputs: PipelineInputs) -> tuple[Recipe, PipelineInputs]:
    recipe = make_recipe(folder, "early", RGB + SKELETON.replace("path_skeleton", "path_depth"))
    return recipe, PipelineInputs(inputs.out, folder, inputs.manifest)


def no_root(folder: Path, inputs: PipelineInputs) -> tuple[Recipe, PipelineInputs]:
    return make_recipe(folder, "early"), PipelineInputs(inputs.out, None, inputs.manifest)


def of_no_stream(folder: Path, inputs: PipelineInputs) -> tuple[Recipe, PipelineInputs]:
    return make_recipe(folder, "early"), PipelineInputs(inputs.out, folder, inputs.manifest, {"depth": folder / "d.h5"})


def swapped(folder: Path, inputs: PipelineInputs) -> tuple[Recipe, PipelineInputs]:
    return make_recipe(folder, "early"), PipelineInputs(
        inputs.out, folder, inputs.manifest, {"skeleton": inputs.caches["rgb"]}
    )


def other_segments(folder: Path, inputs: PipelineInputs) -> tuple[Recipe, PipelineInputs]:
    recipe = make_recipe(folder, "early", (RGB + SKELETON).replace("segments = 3", "segments = 4"))
    return recipe, PipelineInputs(inputs.out, folder, inputs.manifest, {"rgb": inputs.caches["rgb"]})


def of_other_pictures(folder: Path, inputs: PipelineInputs) -> tuple[Recipe, PipelineInputs]:
    path = inputs.caches["skeleton"]
    write_stream(path, "skeleton", read_manifest(inputs.manifest).clips, pictures="both")
    return make_recipe(folder, "early"), PipelineInputs(inputs.out, folder, inputs.manifest, {"skeleton": path})


def of_other_clips(folder: Path, inputs: PipelineInputs) -> tuple[Recipe, PipelineInputs]:
    write_stream(inputs.caches["skeleton"], "skeleton", read_manifest(inputs.manifest).clips.iloc[:-2])
    return make_recipe(folder, "late"), PipelineInputs(
        inputs.out, folder, inputs.manifest, {"skeleton": inputs.caches["skeleton"]}
    )


def of_another_network(folder: Path, inputs: PipelineInputs) -> tuple[Recipe, PipelineInputs]:
    path = inputs.caches["skeleton"]
    write_stream(path, "skeleton", read_manifest(inputs.manifest).clips, image_size=64)
    return make_recipe(folder, "early"), PipelineInputs(inputs.out, folder, inputs.manifest, {"skeleton": path})


def without_weights(folder: Path, inputs: PipelineInputs) -> tuple[Recipe, PipelineInputs]:
    recipe = make_recipe(folder, "early", RGB.replace('"random"', '"nowhere.pth"') + SKELETON)
    return recipe, PipelineInputs(inputs.out, folder, inputs.manifest)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (of_another_network, r"stream skeleton of recipe two \(image_size: 64 there, 224 in the recipe\)"),
        (without_weights, "nowhere.pth"),
        (no_column, "makes skeleton of .* column 'path_depth', and the manifest has path, path_rgb, path_skeleton"),
        (no_root, "give --videos, the folder of the files that rgb and skeleton are made of"),
        (of_no_stream, "recipe two has no stream depth; its streams are rgb, skeleton"),
        (swapped, r"given-rgb\.h5 is not the cache of stream skeleton of recipe two \(backbone: tsm_resnet50 there"),
        (other_segments, r"stream rgb of recipe two \(segments: 3 there, 4 in the recipe\)"),
        (of_other_pictures, r"stream skeleton of recipe two \(pictures: both there, segment in the recipe\)"),
        (
            of_other_clips,
            r"2 of 15 clips .* not in .* at all \(first: test4\); .*manifest and of stream skeleton of recipe two\?",
        ),
    ],
)
def test_wrong_inputs_are_refused_before_any_extraction(
    inputs: PipelineInputs,
    tmp_path: Path,
    recorded: list[tuple[Any, ...]],
    make: Callable[[Path, PipelineInputs], tuple[Recipe, PipelineInputs]],
    sentence: str,
) -> None:
    with pytest.raises(UserError, match=sentence):
        reproduce(*make(tmp_path, inputs), MACHINE)
    assert recorded == []
    assert not inputs.out.exists()


def test_released_weights_are_downloaded_if_they_are_needed_and_asked_for(
    inputs: PipelineInputs, tmp_path: Path, recorded: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, asked, calls = "tsm-r50-8f-kinetics400", [], []

    def get_weights(wanted: str, folder: Path | None, *, progress: Callable[[int, int], None]) -> None:
        asked.append((wanted, folder))
        progress(3_500_000, 9_000_000)

    monkeypatch.setattr("evaluate.pipeline.streams.get_weights", get_weights)
    recipe = make_recipe(tmp_path, "early", RGB.replace('"random"', f'"{name}"') + SKELETON)
    machine = replace(MACHINE, weights_folder=tmp_path / "none")
    progress = StageProgress(weights=lambda *call: calls.append(call))
    for wanted in (False, True):
        with pytest.raises(UserError, match=f"the weights {name} are not on this machine"):
            reproduce(
                recipe,
                PipelineInputs(inputs.out, tmp_path, inputs.manifest, get_weights=wanted),
                machine,
                progress=progress,
            )
        assert asked == [(name, tmp_path / "none")] * wanted and recorded == []
    assert calls == [(3, 9)]
    reproduce(recipe, replace(inputs, get_weights=True), machine)
    assert len(asked) == 1, "every stream has its features"


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        run_cli(partial(app, [str(argument) for argument in arguments]))
    return int(end.value.code or 0)


def test_command_line(inputs: PipelineInputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_recipe(tmp_path, "late")
    fixed = ["reproduce", tmp_path / "recipe.toml", "--manifest", inputs.manifest, "--out", inputs.out]
    fixed += ["--device", "cpu", "--cache", f"rgb={inputs.caches['rgb']}"]
    assert call(*fixed) == 1
    assert "error: give --videos, the folder of the files that skeleton are made of" in capsys.readouterr().err
    assert call(*fixed, "--cache", inputs.caches["skeleton"]) == 1
    assert "write NAME=PATH, NAME one of rgb, skeleton of recipe two" in capsys.readouterr().err
    assert call(*fixed, "--cache", f"skeleton={inputs.caches['skeleton']}", "--json") == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert [score["method"] for score in scores] == [
        f"{variant}, late fusion" for variant in VARIANTS.values() for _ in (0, 1)
    ]


def test_predictions_of_both_fusions_are_scored_in_one_table(
    compared: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their rows have different names, so that they are not taken for two runs of one seed."""
    shutil.copytree(compared.table_file.parent / "predictions", tmp_path / "p")
    files = sorted((tmp_path / "p").rglob("*.h5"))
    assert call("score", *files, "--manifest", compared.table_file.parent.parent / "m.csv") == 0
    notices = capsys.readouterr().out
    assert all(notices.count(f"\n{method}  ") == 1 for method in compared.scores)
    assert len(compared.scores) == 8


def test_a_va_cnn_of_other_clips_has_its_own_run_folder_and_cache(
    inputs: PipelineInputs, tmp_path: Path, recorded: list[tuple[Any, ...]]
) -> None:
    """The replaced training writes no settings, so the test writes them."""
    recipe = make_recipe(tmp_path, "early", SKELETON)
    of_files = PipelineInputs(inputs.out, tmp_path, inputs.manifest)
    every = read_manifest(inputs.manifest)
    folder = inputs.out / "skeleton-va_cnn"
    folder.mkdir(parents=True)
    settings = clip_settings(every, "path_skeleton")
    (folder / "settings.json").write_text(json.dumps({"settings": {"segments": 3, **settings}}))
    reproduce(recipe, of_files, MACHINE)
    assert [asked[1].name for asked in recorded if asked[0] == "train"] == ["skeleton-va_cnn"]
    first = results(inputs.out)
    recorded.clear()

    write_manifest(Manifest(every.clips[every.clips["clip_id"] != "train4"], CLASSES), inputs.manifest)
    notices: list[str] = []
    fewer = reproduce(recipe, of_files, MACHINE, notices.append)
    ((_, own, *_), (_, _, _, stream, *_)) = recorded
    assert own.name.startswith("skeleton-va_cnn-") and stream == own.name.replace("-va_cnn", "")
    assert fewer.table_file.parent.parent == inputs.out and results(inputs.out).items() >= first.items()
    assert any(
        f"was trained on other clips; the VA-CNN of these clips is trained into {own}" in line for line in notices
    )
