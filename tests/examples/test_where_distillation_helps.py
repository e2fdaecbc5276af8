"""The script of examples/ that maps the gain of distillation: its features are the product's, and it runs."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import extract
from manifests.stick_figures.actions import ACTIONS, joint_positions
from manifests.stick_figures.variation import draw_performer, draw_variation

SCRIPT = Path(__file__).parent.parent.parent / "examples" / "where_distillation_helps.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("where_distillation_helps", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


def test_its_features_are_joint_statistics(script: ModuleType, tmp_path: Path) -> None:
    random = np.random.default_rng((77, 5, 2, 0))
    joints = joint_positions(ACTIONS[2], draw_performer(random).body, draw_variation(random))
    np.save(tmp_path / "clip.npy", joints.astype(np.float32))
    product = extract.extract_video(tmp_path / "clip.npy", backbone="joint_statistics")
    features, labels = script.drawn(1, draw=5, noise=0.0)
    assert labels.tolist() == list(range(10))
    np.testing.assert_allclose(features[2], product, atol=2e-6)


def test_another_draw_is_other_clips(script: ModuleType) -> None:
    assert not np.array_equal(script.drawn(1, 1, 0.1)[0], script.drawn(1, 2, 0.1)[0])
    assert not np.array_equal(script.of_ucf101_size(1, 1)[0], script.of_ucf101_size(1, 2)[0])


@pytest.mark.slow
def test_it_runs_and_goes_on_where_it_ended(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    monkeypatch.setattr(sys, "argv", ["where_distillation_helps.py", str(tmp_path), "--quick"])
    script.main()
    rows = pd.read_csv(tmp_path / "map.csv")
    assert len(rows) == 2 * 2 * 3 * 5  # points, trainings, seeds; the teacher, the baseline and three students
    assert rows.auc.between(0, 100).all()
    assert (tmp_path / "map.png").stat().st_size > 10_000
    monkeypatch.setattr(script, "aucs", None)
    script.main()
    assert len(pd.read_csv(tmp_path / "map.csv")) == len(rows)
