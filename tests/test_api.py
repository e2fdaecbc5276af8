"""The Python API: every public name resolves after every submodule was imported, and every function can be called."""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from manifests.stick_figures.data_set import draw_data_set

ROOT = Path(__file__).parent.parent
PACKAGES = ("common", "manifests", "extract", "distill", "evaluate")
WITH_API = PACKAGES[1:]
N, D = 3, 5
CLASSES = ("fall", "rise")
SMALL_MODELS = (Path(__file__).parent / "data" / "small_models.toml").read_text()
RECIPE = (
    """
name = "tiny"
seeds = [0]
methods = ["without", "with"]
[data]
dataset = "other"
protocol = "made-up"
"""
    + SMALL_MODELS
)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", autouse=True)
def every_submodule() -> None:
    """Import every submodule first: a submodule that has the name of a public function would take its place."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).with_suffix("").as_posix().removesuffix("/__init__").replace("/", ".")
            importlib.import_module(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with m.csv (12 clips of two classes), f.h5 (their features) and tiny.toml (a recipe for them)."""
    from extract.cache_rows import Row
    from extract.cache_writer import write_cache
    from manifests.manifest import COLUMNS, SPLITS, Manifest, write_manifest

    random = np.random.default_rng(0)
    clips = pd.DataFrame(
        [
            (f"{split}-{name}-{index}", f"{split}/{name}/{index}.avi", label, name, str(index), split, "made-up")
            for split in SPLITS
            for label, name in enumerate(CLASSES)
            for index in range(2)
        ],
        columns=list(COLUMNS),
    )
    write_manifest(Manifest(clips, CLASSES), tmp_path / "m.csv")
    rows = [
        Row(clip, (random.normal(size=(N, D)) + 3 * label).astype(np.float32), 30, True)
        for clip, label in zip(clips["clip_id"], clips["label"], strict=True)
    ]
    write_cache(tmp_path / "f.h5", rows, clips["clip_id"].tolist(), (N, D), {"backbone": "none", "weights": "none"})
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return tmp_path


def read_manifest(folder: Path, as_type: Callable[[Path], Any]) -> None:
    import manifests

    manifest = manifests.read_manifest(as_type(folder / "m.csv"))
    assert isinstance(manifest, manifests.Manifest)
    assert manifest.protocol == "made-up" and len(manifest.clips) == 12


def from_folder(folder: Path, as_type: Callable[[Path], Any]) -> None:
    import manifests

    for name in CLASSES:
        for number in range(4):
            (folder / "videos" / name).mkdir(parents=True, exist_ok=True)
            (folder / "videos" / name / f"{number}.avi").write_bytes(b"not read")
    manifest = manifests.from_folder(as_type(folder / "videos"), as_type(folder / "mine"))
    assert isinstance(manifest, manifests.Manifest)
    assert (manifest.classes, len(manifest.clips)) == (CLASSES, 8)
    assert manifests.read_recipe(as_type(folder / "mine" / "recipe.toml")).name == "mine"


def read_recipe(folder: Path, as_type: Callable[[Path], Any]) -> None:
    import manifests

    recipe = manifests.read_recipe(as_type(folder / "tiny.toml"))
    assert isinstance(recipe, manifests.Recipe)
    assert recipe.methods == ["without", "with"]
    assert manifests.read_recipe(as_type(Path("ucf101"))).name == "ucf101"


def extract_video(folder: Path, as_type: Callable[[Path], Any]) -> None:
    import extract

    draw_data_set(folder / "drawn", clips_per_class={"train": 1, "test": 1}, size=(64, 48))
    video = next((folder / "drawn").rglob("*.avi"))
    options: dict[str, Any] = {"backbone": "timm:test_resnet", "weights": "random", "image_size": 32}
    features = extract.extract_video(as_type(video), num_segments=4, frames_per_segment=2, device="cpu", **options)
    assert features.shape[0] == 4 and features.dtype == np.float32


def extract_poses(folder: Path, as_type: Callable[[Path], Any]) -> None:
    import extract

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARLY_WEIGHTS", str(folder))
        with pytest.raises(UserError, match="run `python -m extract weights get blazepose-lite`"):
            extract.extract_poses(as_type(folder / "clip.avi"), model="lite")


def load_features(folder: Path, as_type: Callable[[Path], Any]) -> None:
    import torch

    import extract

    arrays = extract.load_features(as_type(folder / "f.h5"))
    assert isinstance(arrays, extract.CacheFeatures)
    assert arrays.features.shape == (12, N, D)
    tensors = extract.load_features(as_type(folder / "f.h5"), format="torch")
    assert torch.equal(tensors.features, torch.from_numpy(arrays.features))
    frame = extract.load_features(as_type(folder / "f.h5"), format="pandas")
    np.testing.assert_array_equal(frame.to_numpy(), arrays.features.reshape(-1, D))


def train(folder: Path, as_type: Callable[[Path], Any]) -> None:
    import distill

    files = [as_type(folder / name) for name in ("tiny.toml", "m.csv", "f.h5", "runs")]
    folders = distill.train(*files, seeds=[1], device="cpu")
    assert folders == {name: [folder / "runs" / "seed1" / name] for name in ("without", "with")}


def load_student(folder: Path, as_type: Callable[[Path], Any]) -> None:
    import torch

    import distill

    files = [folder / name for name in ("tiny.toml", "m.csv", "f.h5", "runs")]
    folders = distill.train(*files, methods=["without"], device="cpu")
    student = distill.load_student(as_type(folders["without"][0]))
    assert student(torch.zeros(2, N, D)).shape == (2, N, len(CLASSES))


def reproduced(folder: Path, as_type: Callable[[Path], Any]) -> Any:
    import evaluate

    return evaluate.reproduce(
        as_type(folder / "tiny.toml"),
        manifest=as_type(folder / "m.csv"),
        caches=as_type(folder / "f.h5"),
        out=as_type(folder / "out"),
        device="cpu",
        notify=lambda sentence: None,
    )


def reproduce(folder: Path, as_type: Callable[[Path], Any]) -> None:
    import evaluate

    result = reproduced(folder, as_type)
    assert isinstance(result, evaluate.Reproduction)
    assert result.table_file.is_file() and result.figure_file.is_file()
    assert len(result.table) == len(result.scores) == 2


def score(folder: Path, as_type: Callable[[Path], Any]) -> None:
    import evaluate

    result = reproduced(folder, as_type)
    files = [as_type(file) for files in result.prediction_files.values() for file in files]
    scored = evaluate.score(files, as_type(folder / "m.csv"))
    assert isinstance(scored, evaluate.ScoredPredictions)
    pd.testing.assert_frame_equal(scored.table, result.table)
    assert list(evaluate.score(files[0], as_type(folder / "m.csv")).scores) == [next(iter(result.scores))]


def decide(folder: Path, as_type: Callable[[Path], Any]) -> None:
    import evaluate

    result = reproduced(folder, as_type)
    files = [as_type(file) for files in result.prediction_files.values() for file in files]
    table = evaluate.decide(files, as_type(folder / "m.csv"), [0.1, 0.3])
    assert set(table["method"]) == set(result.prediction_files) and sorted(set(table["price"])) == [0.1, 0.3]
    assert len(evaluate.decide(files[0], as_type(folder / "m.csv"), 0.1)) == len(table) / 4


def store_rule(folder: Path, as_type: Callable[[Path], Any]) -> None:
    import evaluate

    (file,) = reproduced(folder, as_type).prediction_files["With distillation"]
    stored = evaluate.store_rule(as_type(file), as_type(folder / "m.csv"), as_type(folder / "out"), price=0.3)
    assert stored.file.parent == folder / "out" and stored.rule.price == 0.3
    assert stored.table.loc[stored.table["best"], "rule"].item() == stored.rule.rule


def recognise(folder: Path, as_type: Callable[[Path], Any]) -> None:
    import evaluate

    drawn = draw_data_set(folder / "drawn", clips_per_class={"train": 2, "validation": 1, "test": 1}, size=(64, 48))
    section = '[extract]\nbackbone = "timm:test_resnet"\nweights = "random"\nsegments = 4\nimage_size = 32\n'
    recipe = RECIPE.replace('"made-up"', '"stick-figures-v1"').replace('["without", "with"]', '["without"]')
    (folder / "drawn.toml").write_text(recipe + section)
    options: dict[str, Any] = {"manifest": drawn, "videos": drawn.parent, "device": "cpu", "notify": lambda line: None}
    evaluate.reproduce(folder / "drawn.toml", out=folder / "out", **options)
    model = evaluate.Recogniser.load(as_type(folder / "out"), device="cpu")
    found = model.recognise(as_type(next(drawn.parent.rglob("*.avi"))))
    assert isinstance(found, evaluate.Recognition)
    assert found.probabilities.shape == (4, len(found.classes)) and len(found.top(2)[0]) == 2


CALLS: dict[str, Callable[[Path, Callable[[Path], Any]], None]] = {
    "manifests.from_folder": from_folder,
    "manifests.read_manifest": read_manifest,
    "manifests.read_recipe": read_recipe,
    "extract.extract_poses": extract_poses,
    "extract.extract_video": extract_video,
    "extract.load_features": load_features,
    "distill.train": train,
    "distill.load_student": load_student,
    "evaluate.reproduce": reproduce,
    "evaluate.score": score,
    "evaluate.decide": decide,
    "evaluate.store_rule": store_rule,
}


def public_functions() -> set[str]:
    return {
        f"{package}.{name}"
        for package in WITH_API
        for name in getattr(importlib.import_module(package), "__all__", [])
        if inspect.isfunction(getattr(importlib.import_module(package), name))
    }


@pytest.mark.parametrize("as_type", [str, Path])
@pytest.mark.parametrize("name", CALLS)
def test_each_function_takes_strings_and_paths(folder: Path, name: str, as_type: Callable[[Path], Any]) -> None:
    CALLS[name](folder, as_type)


@pytest.mark.parametrize("as_type", [str, Path])
def test_a_recogniser_takes_strings_and_paths(folder: Path, as_type: Callable[[Path], Any]) -> None:
    recognise(folder, as_type)


def test_every_public_function_is_called_here() -> None:
    assert public_functions() == CALLS.keys()


@pytest.mark.parametrize("package", WITH_API)
def test_public_names_are_no_modules_and_documented(package: str) -> None:
    module = importlib.import_module(package)
    for name in getattr(module, "__all__", []):
        public = getattr(module, name)
        assert not inspect.ismodule(public), name
        assert inspect.getdoc(public), name
        if inspect.isfunction(public):
            annotations = inspect.signature(public)
            assert annotations.return_annotation is not inspect.Signature.empty, name
            for argument in annotations.parameters:
                assert f"{argument}:" in (public.__doc__ or ""), f"{name}: {argument} has no description"
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nope'"):
        _ = module.nope
