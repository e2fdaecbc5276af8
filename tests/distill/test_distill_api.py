"""The Python API of the training: run folders by method, resuming, several streams, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from common.errors import UserError
from distill import load_student, train
from distill.run_folder import read_settings
from extract.cache import Cache
from extract.cache_rows import Row
from extract.cache_writer import write_cache
from manifests.manifest import Manifest
from manifests.recipes.recipe import Recipe


@pytest.fixture
def cache_file(tmp_path: Path, cache: Cache) -> Path:
    columns = zip(cache.clip_id, cache.features, cache.num_frames, cache.valid, strict=True)
    write_cache(tmp_path / "f.h5", (Row(*row) for row in columns), cache.clip_id, (5, 6), cache.settings)
    return tmp_path / "f.h5"


def test_teachers_first_and_again_without_training(
    recipe: Recipe, manifest: Manifest, cache_file: Path, tmp_path: Path
) -> None:
    recipe = recipe.model_copy(update={"methods": ["with", "knn", "without"], "seeds": [0, 1]})
    done: list[tuple[int, int]] = []
    folders = train(
        recipe, manifest, cache_file, tmp_path / "runs", device="cpu", progress=lambda *now: done.append(now)
    )
    assert folders == {
        method: [tmp_path / "runs" / f"seed{seed}" / method for seed in (0, 1)] for method in ("with", "without")
    }
    assert done[-1] == (3 * 2 * 6, 3 * 2 * 6)
    assert read_settings(folders["with"][1])["seed"] == 1
    before = (folders["with"][0] / "weights.safetensors").stat().st_mtime_ns
    said: list[str] = []
    assert train(recipe, manifest, cache_file, tmp_path / "runs", device="cpu", notify=said.append) == folders
    assert said == [
        f"{tmp_path / 'runs'}: 6 models were finished before, and only read now; "
        "after a change of code, give a new folder (--out)"
    ]
    assert (folders["with"][0] / "weights.safetensors").stat().st_mtime_ns == before
    student, teacher = load_student(folders["with"][0]), load_student(tmp_path / "runs" / "seed0" / "teacher")
    features = torch.zeros(2, 5, 6)
    assert student(features).shape == teacher(features).shape == (2, 5, 3)
    assert not student.training


def test_several_streams(
    make_recipe: Callable[..., Recipe], manifest: Manifest, cache_file: Path, tmp_path: Path
) -> None:
    stream = {"backbone": "x", "weights": "y", "segments": 5}
    recipe = Recipe.model_validate(
        make_recipe(epochs=1).model_dump() | {"streams": {"rgb": stream, "skeleton": stream}}
    )
    both = {"skeleton": cache_file, "rgb": str(cache_file)}
    folders = train(recipe, manifest, both, tmp_path / "runs", methods=["without"], device="cpu")
    assert load_student(folders["without"][0])(torch.zeros(1, 5, 12)).shape == (1, 5, 3)
    with pytest.raises(UserError, match="recipe made-up joins its streams; give --cache skeleton=FILE too"):
        train(recipe, manifest, cache_file, tmp_path / "runs", device="cpu")
    with pytest.raises(UserError, match="has no stream depth; its streams are rgb, skeleton"):
        train(recipe, manifest, {"depth": cache_file}, tmp_path / "runs", device="cpu")


def test_what_cannot_be_trained_is_refused(
    recipe: Recipe, manifest: Manifest, cache_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="knn trains no network; leave it out"):
        train(recipe, manifest, cache_file, tmp_path / "runs", methods=["knn"], device="cpu")
    with pytest.raises(UserError, match="no method 'witth'; did you mean 'with'"):
        train(recipe, manifest, cache_file, tmp_path / "runs", methods=["witth"], device="cpu")
    with pytest.raises(UserError, match="holds no finished run"):
        load_student(tmp_path)
