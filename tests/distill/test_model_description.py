"""model.json: what it has, that features of other settings are refused, and that a finished run gets it later."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from common.errors import UserError
from common.files import sha256_of
from distill.api import load_student
from distill.early_fusion import join_caches
from distill.feature_set import FeatureSet, make_feature_set
from distill.model_description import MODEL, other_features, read_description, refuse_other_features
from distill.run_folder import ModelRun
from distill.train_runs import train_runs
from distill.training_plan import TrainingPlan
from distill.training_state import ModelId
from extract.cache import Cache
from manifests.manifest import Manifest

SETTINGS = {"backbone": "tsm", "frames_per_segment": 8, "weights": "a.pth", "weights_sha256": "1", "torch": "2.6"}


def trained(folder: Path, plan: TrainingPlan, data: FeatureSet, method: str = "without") -> Path:
    teacher = plan.trained[method].method.teacher
    if teacher:
        train_runs([ModelRun(ModelId(teacher, 0), folder / teacher)], plan, data)
    train_runs([ModelRun(ModelId(method, 0), folder / method, folder / teacher if teacher else None)], plan, data)
    return folder / method


def with_settings(cache: Cache, **changes: Any) -> Cache:
    return replace(cache, settings={**SETTINGS, **changes})


def test_the_description_has_all_that_a_recognition_needs(
    tmp_path: Path, make_plan: Callable[..., TrainingPlan], cache: Cache, manifest: Manifest
) -> None:
    plan = make_plan(standardize=True)
    joined = join_caches({"rgb": with_settings(cache), "skeleton": with_settings(cache, backbone="joints")})
    run = trained(tmp_path, plan, make_feature_set(joined, manifest), "with")
    described = read_description(run)
    assert described.classes == manifest.classes and described.method == "with"
    assert described.num_segments == 5 and described.observation_ratios == (0.2, 0.4, 0.6, 0.8, 1)
    assert list(described.streams) == ["rgb", "skeleton"]
    assert described.streams["skeleton"].settings == {**SETTINGS, "backbone": "joints"}
    (network,) = described.networks
    assert network.streams == ("rgb", "skeleton") and network.feature_dim == 12 and network.seed == 0
    assert network.weights_sha256 == sha256_of(run / network.weights_file)
    assert described.standardisation == "folded into the weights" and not described.sees_future
    assert read_description(tmp_path / "teacher").sees_future
    assert described.versions["torch"] == torch.__version__


def test_a_finished_run_without_it_gets_it_and_stays_as_it_is(
    tmp_path: Path, plan: TrainingPlan, data: FeatureSet
) -> None:
    run = trained(tmp_path, plan, data)
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
    (run / MODEL).unlink()
    assert trained(tmp_path, plan, data) == run
    assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_a_finished_run_that_cannot_be_written_is_read(
    tmp_path: Path, plan: TrainingPlan, data: FeatureSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(tmp_path, plan, data)
    (run / MODEL).unlink()

    def refuse(*arguments: object) -> None:
        raise UserError("read-only")

    monkeypatch.setattr("distill.train_runs.write_description", refuse)
    trained(tmp_path, plan, data)
    assert not (run / MODEL).exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2}', '{"format": 1}'])
def test_a_damaged_description_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / MODEL).write_text(content)
    with pytest.raises(UserError, match="model.json"):
        read_description(tmp_path)


def test_an_unknown_key_is_refused(tmp_path: Path, plan: TrainingPlan, data: FeatureSet) -> None:
    run = trained(tmp_path, plan, data)
    content = json.loads((run / MODEL).read_text())
    (run / MODEL).write_text(json.dumps(content | {"clases": []}))
    with pytest.raises(UserError, match="clases"):
        read_description(run)


def test_features_differ_by_what_decides_a_value() -> None:
    same = {**SETTINGS, "torch": "9", "weights": "renamed.pth", "manifest_sha256": "2", "column": "path_rgb"}
    assert other_features({"features": SETTINGS}, {"rgb": same}) == []
    fewer = {**SETTINGS, "frames_per_segment": 4}
    assert other_features({"features": SETTINGS}, {"features": fewer}) == ["frames_per_segment: 8 there, 4 wanted"]
    both = {"a": SETTINGS, "b": SETTINGS}
    assert other_features(both, {"a": SETTINGS, "b": fewer}) == ["b.frames_per_segment: 8 there, 4 wanted"]
    assert other_features(both, {"b": SETTINGS, "a": SETTINGS}) == ["streams: a, b there, b, a wanted"]
    assert other_features(both, {"a": SETTINGS}) == ["streams: a, b there, a wanted"]
    without = {"backbone": "joints", "weights": "none"}
    assert other_features({"a": without}, {"a": {**without, "weights": "x"}}) == ["weights: none there, x wanted"]


def test_a_teacher_of_other_features_is_refused_by_the_setting(
    tmp_path: Path, plan: TrainingPlan, cache: Cache, manifest: Manifest
) -> None:
    trained(tmp_path, plan, make_feature_set(with_settings(cache), manifest), "with")
    other = make_feature_set(replace(with_settings(cache, frames_per_segment=4), content_sha256="d" * 64), manifest)
    with pytest.raises(UserError, match=r"teacher was trained on other features \(frames_per_segment: 8 there, 4 w"):
        train_runs([ModelRun(ModelId("with", 0), tmp_path / "new", tmp_path / "teacher")], plan, other)


def test_a_student_is_loaded_for_its_own_features_only(
    tmp_path: Path, plan: TrainingPlan, cache: Cache, manifest: Manifest
) -> None:
    run = trained(tmp_path, plan, make_feature_set(with_settings(cache), manifest))
    assert load_student(run, settings=SETTINGS)(torch.zeros(1, 5, 6)).shape == (1, 5, 3)
    with pytest.raises(UserError, match="backbone: tsm there, timm:resnet18 wanted"):
        load_student(run, settings={**SETTINGS, "backbone": "timm:resnet18"})
    (run / MODEL).unlink()
    refuse_other_features(run, {"features": {}})  # an earlier version trained it, so nothing is known
